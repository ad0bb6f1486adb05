"""The help sheet names what the mouse can do, with the keys of the table of actions."""

import re

from app.actions import BY_NAME, with_keys
from app.panels.help import MOUSE


def test_dragging_joints_and_all_that_can_be_dropped_are_told():
    told = {name: with_keys(meaning) for name, meaning in MOUSE}
    assert not any(re.search(r"[{}]", meaning) for meaning in told.values())
    assert BY_NAME["pose"].keys[0] in told["By hand"] and "drag" in told["By hand"]
    for word in ("photos", "records", "folders", "table"):
        assert word in told["Anywhere"]
    for word in ("body", "keypoints", "occluders"):
        assert word in told["On a photo"]
