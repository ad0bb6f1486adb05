"""A photo of a bright blob in front of a dark ground, right of its middle."""

import numpy as np


def blob_photo():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:480, 0:640]
    share = np.exp(-((((x - 380) / 70.0) ** 2 + ((y - 250) / 150.0) ** 2) ** 2))[..., None]
    color = (1 - share) * [40, 60, 50] + share * [250, 225, 200]
    return (color + rng.normal(0, 4, color.shape)).clip(0, 255).astype(np.uint8)
