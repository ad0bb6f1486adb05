"""Training: batches with exact truth, losses as pure functions, and the loop."""
