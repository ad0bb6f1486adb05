"""Begin a run at a step of another one."""

from __future__ import annotations

from dataclasses import replace

import torch

from core.errors import UserError
from core.fit.objective import weighted_sum
from core.fit.schedule import Schedule
from core.fit.trace import StepRecord, Trace


def cut(trace: Trace, step: int, before: Schedule, after: Schedule) -> Trace:
    """The trace of a run up to and with a step, for a run that goes on from there.

    Args:
        before: the schedule that the trace was made with.
        after: the schedule of the new run. If it is another one, stages and totals are what it
            makes of the recorded terms, so that all totals of the new run can be compared.

    Raises:
        UserError: the trace, or the new schedule, has no such step.
    """
    if not 0 <= step < len(trace):
        raise UserError(f"no step {step} to branch from; the run has steps 0 to {len(trace) - 1}")
    if step > after.steps:
        raise UserError(f"the schedule ends at step {after.steps}, before step {step}")
    kept = trace.upto(step + 1)
    if after != before:
        kept.records = [weigh(record, after) for record in kept.records]
    return kept


def weigh(record: StepRecord, schedule: Schedule) -> StepRecord:
    """A recorded step as another schedule weighs it; a term that was not recorded is NaN."""
    stage = schedule.stage_of(record.step)
    unknown = torch.full_like(record.total, torch.nan)
    terms = {name: record.terms.get(name, unknown) for name in schedule.terms}
    total = weighted_sum(terms, schedule.stages[stage].weights)
    return replace(record, stage=stage, terms=terms, total=total)
