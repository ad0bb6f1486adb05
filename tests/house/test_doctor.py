"""The doctor: says what works, tells how to fix what does not, in words and in JSON."""

import json
import sys

import pytest

from core import cli
from core.doctor import checks, graphics
from core.doctor.check import Check, Status


@pytest.mark.slow
def test_report_as_json(capsys):
    code = cli.main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    by_name = {check["name"]: check for check in report["checks"]}
    assert code == (0 if report["ok"] else 1)
    assert report["versions"]["torch"].startswith("2.")
    for name in ("python", "packages", "torch", "cache", "ffmpeg"):
        assert by_name[name]["status"] == "ok", by_name[name]
    for check in report["checks"]:
        assert check["status"] == "ok" or check["fix"], f"{check['name']} says no fix"


def test_broken_things_set_the_exit_code(monkeypatch, capsys):
    ill = Check("heart", Status.BROKEN, "stopped", "start it")
    monkeypatch.setattr(checks, "all_checks", lambda body: [ill])
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "broken  heart             stopped",
        f"{'':25} -> start it",
    ]
    monkeypatch.setattr(
        checks, "all_checks", lambda body: [Check("gpu", Status.ABSENT, "none", "optional")]
    )
    assert cli.main(["doctor"]) == 0


def test_an_smpl_file_that_does_not_exist(tmp_path):
    check = checks.check_body(tmp_path / "SMPL_NEUTRAL.pkl")
    assert check.status is Status.BROKEN
    assert "SMPL_NEUTRAL.pkl" in check.detail
    assert "smpl.is.tue.mpg.de" in check.fix


def test_without_smpl_the_mend_says_where_to_get_it():
    check = checks.check_body(None)
    assert check.status is Status.ABSENT
    assert "smpl.is.tue.mpg.de" in check.fix


def test_smplx_is_optional(monkeypatch):
    assert checks.check_smplx().status is Status.OK
    monkeypatch.setattr(checks.importlib.util, "find_spec", lambda name: None)
    check = checks.check_smplx()
    assert check.status is Status.ABSENT
    assert "pip install smplx" in check.fix and "SMPL-X" in check.detail


def test_missing_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("NBF_DATA", str(tmp_path / "none"))
    assert checks.check_data().status is Status.BROKEN
    monkeypatch.setenv("NBF_DATA", str(tmp_path))
    assert checks.check_data().status is Status.OK


def test_damaged_assets(monkeypatch, tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(b"x")
    damaged = checks.shipped_assets(tmp_path)
    monkeypatch.setattr(checks, "shipped_assets", lambda: damaged)
    check = checks.check_assets()
    assert check.status is Status.BROKEN
    assert "weights.safetensors: no card" in check.detail


def test_native_code_turned_off_is_told(monkeypatch):
    monkeypatch.setattr(checks, "load_native", lambda: None)
    monkeypatch.setattr(checks, "native_status", lambda: "turned off by NBF_NATIVE=off")
    check = checks.check_native()
    assert check.status is Status.ABSENT
    assert "twins do the work" in check.detail


def test_a_probe_reports_its_last_words():
    talk = "import sys; print('first\\nlast words', file=sys.stderr); sys.exit(3)"
    assert graphics.probe([sys.executable, "-c", talk]) == "last words"
    assert graphics.probe([sys.executable, "-c", "import sys; sys.exit(3)"]) == "ended with code 3"
    assert graphics.probe([sys.executable, "-c", ""]) is None


def test_a_probe_that_hangs(monkeypatch):
    monkeypatch.setattr(graphics, "SECONDS", 0.2)
    hang = [sys.executable, "-c", "import time; time.sleep(60)"]
    assert "no answer" in graphics.probe(hang)


def test_a_machine_without_any_display(monkeypatch):
    monkeypatch.setattr(graphics.shutil, "which", lambda name: None)
    check = graphics.check_window()
    assert check.status is Status.ABSENT
    assert "no Xvfb" in check.detail


@pytest.mark.gui
def test_a_window_opens_on_a_display():
    check = graphics.check_window()
    assert (check.status, check.detail) == (Status.OK, "the debugger's window opens")


@pytest.mark.parametrize("platform", ["egl", "osmesa"])
def test_offscreen_checks_say_what_they_are_for(platform, monkeypatch):
    for reason, status in ((None, Status.OK), ("no driver", Status.ABSENT)):
        monkeypatch.setattr(graphics, "probe", lambda command, reason=reason, **_: reason)
        check = graphics.check_offscreen(platform, "package")
        assert check.status is status and "turntable.mp4" in check.detail


def test_versions_name_what_decides_results():
    found = checks.versions()
    assert {"python", "system", "nbf", "torch", "numpy", "pyrender-maintained"} <= set(found)
    assert "missing" not in found.values()
