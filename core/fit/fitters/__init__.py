"""Ways of fitting, one a file: each module defines ``FITTER``, a `core.fit.fitter.Fitter`."""
