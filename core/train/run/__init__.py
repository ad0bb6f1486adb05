"""A training run: the loop, checkpoints, validation, curves and export."""
