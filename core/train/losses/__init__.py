"""Training losses, each a pure function of prediction and ground truth."""
