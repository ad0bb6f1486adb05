"""Fitting: costs as pure functions, a schedule of weights as data, a solver, and its trace."""
