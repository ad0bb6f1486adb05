"""Parts that are trained by themselves: regression head, lifter and pose prior."""
