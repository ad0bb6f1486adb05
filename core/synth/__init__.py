"""Synthetic people: sampled, dressed, lit, rendered, with exact ground truth."""
