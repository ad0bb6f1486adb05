"""Textured, lit surfaces: the shader, its twin, and calls of cuda/shade."""
