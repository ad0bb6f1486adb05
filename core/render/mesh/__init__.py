"""Differentiable rasterisation of triangle meshes: operators, twin, and calls of cuda/mesh."""
