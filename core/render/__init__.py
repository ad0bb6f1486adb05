"""Rendering: volumes of Gaussian kernels, meshes, and shading, each by native code or its twin."""
