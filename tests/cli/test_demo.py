"""``segscope demo`` asks for what was typed and says what came out."""

import json
from pathlib import Path

from segscope.workflows.demo import DemoResult
from tests.cli.asked import Asked
from tests.commands import call

RESULT = DemoResult("d/report.html", "d/run", 0.8765, 2, 4, 1.25)


def test_options_reach_the_work_and_numbers_are_said(capsys, monkeypatch):
    asked = Asked(monkeypatch, "segscope.workflows.demo", "run_demo", RESULT)
    code, out, _ = call(capsys, "demo", "-o", "d", "--data", "x", "--minutes", 0.5)
    assert (asked.given, asked.named) == ((Path("d"),), {"data": Path("x"), "max_minutes": 0.5})
    assert code == 0
    assert out == (
        "mean Dice of the validation cases 0.876; kept level L2 of 4, 1.2 min in all\n"
        "open d/report.html\n"
    )
    code, out, _ = call(capsys, "demo", "--json")
    assert json.loads(out) == {"page": "d/report.html", "run": "d/run", "dice": 0.8765, "level": 2,
                               "levels": 4, "minutes": 1.25}  # fmt: skip
    assert asked.given == (Path("segscope_demo"),)


def test_no_time_is_refused(capsys, monkeypatch):
    asked = Asked(monkeypatch, "segscope.workflows.demo", "run_demo", RESULT)
    assert call(capsys, "demo", "--minutes", 0)[0] == 2
    assert asked.given is None
