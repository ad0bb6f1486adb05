"""Benchmarks: speed of the engine against the machine's limits, and accuracy of the renderer."""
