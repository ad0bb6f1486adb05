"""Sources of candidates, one a file: each module defines ``START``, a `core.fit.start.Start`."""
