"""Cameras, rotations, crops and alignment: geometry that knows nothing of bodies."""
