"""Real data sets: photographs of people with what others say is true about them.

`registry.open_dataset` opens one by name; `docs/datasets.md` says which files each needs.
"""
