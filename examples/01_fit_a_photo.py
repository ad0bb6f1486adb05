"""Fit a body to a photo, and save it as a mesh and a picture.

python examples/01_fit_a_photo.py [PHOTO] [FOLDER]
"""

import sys
from pathlib import Path

import imageio.v3 as imageio

import nbf

photo = sys.argv[1] if len(sys.argv) > 1 else "skimage:camera"
folder = Path(sys.argv[2] if len(sys.argv) > 2 else "out")
folder.mkdir(parents=True, exist_ok=True)

fitted = nbf.fit(photo)

print(f"best step {fitted.best_step} of {len(fitted.trace) - 1}")
print(f"the head is {fitted.joints[15, 2]:.2f} m away")
print(f"{fitted.maps().occluded_share:.0%} of the body is hidden")
fitted.save_mesh(folder / "body.obj")  # or .glb, .ply, .stl
imageio.imwrite(folder / "overlay.png", fitted.overlay())
