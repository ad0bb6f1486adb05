"""Real data sets: photographs of people with annotations.

`registry.open_dataset` opens one by name; `docs/datasets.md` says which files each needs.
"""
