"""Watch a fit step by step, with other weights than the standard ones.

python examples/02_watch_a_fit.py [PHOTO]
"""

import sys

import nbf

photo = sys.argv[1] if len(sys.argv) > 1 else "skimage:camera"
schedule = nbf.Schedule.standard().with_weights(prior=30.0, keypoints=0.1)


def show(step: nbf.StepRecord) -> None:
    """Print every thirtieth step."""
    if step.step % 30 == 0:
        terms = ", ".join(f"{name} {float(value[0]):.3g}" for name, value in step.terms.items())
        print(f"step {step.step:3}: total {float(step.total[0]):8.2f}   ({terms})")


fitted = nbf.fit(photo, schedule, each=show)
for name, term in schedule.terms.items():
    print(f"{name:15} {fitted.losses[name][-1]:9.3f} {term.unit:12} {term.description}")
