"""Gaussian ellipsoids rendered as a volume: the operator, its twin, and calls of cuda/volume."""
