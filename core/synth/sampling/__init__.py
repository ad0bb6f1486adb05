"""Sampling of shapes, poses and cameras."""
