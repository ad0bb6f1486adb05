"""Metrics, protocols and tables: how good a method is, and how sure we are of it."""
