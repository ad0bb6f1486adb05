"""Rectangles, orbits and homographies, in plain Python and NumPy."""
