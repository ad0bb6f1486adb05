"""A fitter: Adam as in `nbf`, but it stops after ten steps."""

from core.fit.fitter import FITTERS, Fitter
from core.fit.parameters import BODY
from core.fit.solver import Solver


class Brief(Solver):
    """Ten steps, then no more."""

    @property
    def done(self):
        """Whether there are eleven records: the start's and one after each step."""
        return len(self.trace) == 11

    @property
    def reason(self):
        """Why it stopped."""
        return "ten steps are enough" if self.done else "running"


FITTER = Fitter("brief", 50, "the first ten steps of nbf", BODY, Brief.begin, Brief.resume)
FITTERS.add(FITTER)
