"""Body shapes of adults, with common heights and body-mass indices (BMI)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, Int

from core.body.model import Body

DENSITY = 1010.0  # kg / m^3 of a human body
MAX_BETA = 2.5  # largest shape coefficient
BMI_RANGE = (17.0, 38.0)  # kg / m^2
UNIFORM_SHARE = 0.2  # share of people whose first coefficients are uniformly distributed
UNIFORM_COMPONENTS = 4  # number of these coefficients; they determine height and weight
FIT_SAMPLES = 400  # shapes to which the approximation of the BMI is fitted
_STREAM = 17


def heights_and_bmis(
    body: Body, betas: Float[np.ndarray, "shapes 10"]
) -> tuple[Float[np.ndarray, " shapes"], Float[np.ndarray, " shapes"]]:
    """Height in the rest pose (metres) and BMI (kg / m^2, from the volume) of shapes."""
    template, shapedirs = body.v_template.numpy(), body.shapedirs.numpy()
    faces = body.faces.numpy()
    found = np.array([_measure(template + shapedirs @ row, faces) for row in betas])
    height, volume = found.T
    return height, DENSITY * volume / height**2


def _measure(vertices: np.ndarray, faces: Int[np.ndarray, "faces 3"]) -> tuple[float, float]:
    """Height and volume of a closed mesh."""
    a, b, c = (vertices[faces[:, k]].astype(np.float64) for k in range(3))
    return float(np.ptp(vertices[:, 1])), float((a * np.cross(b, c)).sum() / 6)


class ShapeSampler:
    """Shapes with the BMI of an adult: normally distributed coefficients, and more extreme ones.

    The BMI is approximated by a quadratic polynomial of the coefficients that is fitted to its
    logarithm; the largest error over 1500 shapes is 1.5 percent.
    """

    def __init__(self, body: Body) -> None:
        betas = _normal(np.random.default_rng(_STREAM), FIT_SAMPLES)
        _, index = heights_and_bmis(body, betas)
        self._coefficients = np.linalg.lstsq(_terms(betas), np.log(index), rcond=None)[0]

    def bmi(self, betas: Float[np.ndarray, "10"]) -> float:
        """Approximate BMI of a shape, kg / m^2."""
        return float(np.exp(_terms(betas[None])[0] @ self._coefficients))

    def __call__(self, rng: np.random.Generator) -> Float32[np.ndarray, "10"]:
        """Draw a shape."""
        betas = _normal(rng, 1)[0]
        more = rng.spawn(1)[0]  # later draws of ``rng`` do not depend on the number of rejections
        extreme = more.random() < UNIFORM_SHARE
        while True:
            if extreme:
                betas[:UNIFORM_COMPONENTS] = more.uniform(-MAX_BETA, MAX_BETA, UNIFORM_COMPONENTS)
            if BMI_RANGE[0] < self.bmi(betas) < BMI_RANGE[1]:
                return betas.astype(np.float32)
            betas = _normal(more, 1)[0]


def _normal(rng: np.random.Generator, count: int) -> Float[np.ndarray, "count 10"]:
    """Standard normal coefficients, clipped at `MAX_BETA`."""
    return rng.normal(0, 1, (count, 10)).clip(-MAX_BETA, MAX_BETA)


def _terms(betas: Float[np.ndarray, "shapes 10"]) -> Float[np.ndarray, "shapes 66"]:
    """1, the coefficients, and their products."""
    first, second = np.triu_indices(betas.shape[1])
    return np.concatenate([np.ones((len(betas), 1)), betas, betas[:, first] * betas[:, second]], 1)
