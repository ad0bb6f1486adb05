"""The terms of the objective, one a file: each module defines ``TERM``, a `core.fit.term.Term`."""
