"""Evaluation: metrics, protocols, and tables with bootstrap intervals."""
