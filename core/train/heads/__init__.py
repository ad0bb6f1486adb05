"""Modules that are trained separately: regression head, lifter and pose prior."""
