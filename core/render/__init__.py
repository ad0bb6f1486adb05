"""Renderers of Gaussian volumes, of meshes, and of shaded surfaces.

Each exists in native code and as a Python reference implementation, its "twin", which defines the
computation, is compared with native code in the tests, and works where nothing is compiled.
"""
