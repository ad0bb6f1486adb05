"""A training run: plan, loop, checkpoints, validation, curves and export."""
