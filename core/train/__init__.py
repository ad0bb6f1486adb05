"""Training: batches with ground truth, losses as pure functions, and the loop."""
