"""Rendering: volumes of Gaussian kernels, meshes, and the pictures made of both."""
