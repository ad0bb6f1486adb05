"""Rendering: background, light, interactions, occluders, degradation, and dense labels."""
