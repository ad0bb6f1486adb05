"""Volume rendering of Gaussian ellipsoids: operators, twin, and calls of cuda/volume."""
