"""Adam by PyTorch's function is PyTorch's Adam, bit by bit, and goes on where it stopped."""

import subprocess
import sys

import torch

from core.fit.adam import Adam

BETAS = (0.9, 0.99)


def gradient(step):
    return torch.randn(3, 7, generator=torch.Generator().manual_seed(step))


def run(adam, steps, rates):
    for step in steps:
        adam.leaf.grad = gradient(step)
        adam.step(rates(step))


def test_steps_are_those_of_the_class():
    start = gradient(99)
    ours = Adam.of(start, torch.zeros(2, 3, 7), 0, BETAS)
    leaf = start.clone().requires_grad_()
    theirs = torch.optim.Adam([leaf], betas=BETAS)
    for step in range(20):
        rate = 0.02 if step < 10 else 0.005
        leaf.grad = gradient(step)
        theirs.param_groups[0]["lr"] = rate
        theirs.step()
        run(ours, [step], lambda _, rate=rate: rate)
        assert torch.equal(ours.leaf, leaf)
    assert torch.equal(ours.second, theirs.state[leaf]["exp_avg_sq"])


def test_it_goes_on_where_it_stopped():
    whole = Adam.of(gradient(99), torch.zeros(2, 3, 7), 0, BETAS)
    run(whole, range(6), lambda _: 0.01)
    first = Adam.of(gradient(99), torch.zeros(2, 3, 7), 0, BETAS)
    run(first, range(3), lambda _: 0.01)
    moments = torch.stack([first.first, first.second])
    second = Adam.of(first.leaf.detach(), moments, int(first.count), BETAS)
    run(second, range(3, 6), lambda _: 0.01)
    assert torch.equal(second.leaf, whole.leaf)


def test_a_fit_does_not_import_the_compiler():
    """Importing it takes longer than the look at a photo."""
    code = """
import sys
from tests.fit.toy_problem import *
from core.fit.solver import Solver
model = toy_model()
solver = Solver.begin(toy_problem(model, true_body()), model, quick_schedule(1), true_body())
list(solver.run())
assert "torch._dynamo" not in sys.modules, "imported"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
