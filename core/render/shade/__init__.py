"""Shading of textured, lit surfaces: the shader, its twin, and calls of cuda/shade."""
