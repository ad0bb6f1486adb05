"""Cameras, rotations, crops and alignment: geometry independent of any body model."""
