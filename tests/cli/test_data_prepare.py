"""``segscope data prepare`` asks for what was typed and says the plan."""

import json
from pathlib import Path
from types import SimpleNamespace

from segscope.workflows.prepare import PrepareOptions
from tests.cli.asked import Asked
from tests.commands import call


def test_options_reach_the_work_and_the_plan_is_said(capsys, monkeypatch):
    answer = SimpleNamespace(plan=["axes: as in the file"], cases=("a", "b"),
                             to_dict=lambda: {"cases": ["a", "b"]})  # fmt: skip
    asked = Asked(monkeypatch, "segscope.workflows.prepare", "prepare", answer)
    words = ["--recipe", "unet", "--set", "a=1", "--set", "b=2", "--resample-labels",
             "--replace-nonfinite", -1]  # fmt: skip
    code, out, _ = call(capsys, "data", "prepare", "data", "-o", "cache", *words)
    assert (code, out) == (0, "axes: as in the file\n2 cases are prepared in cache\n")
    assert asked.given == (
        Path("data"), Path("cache"),
        PrepareOptions(recipe="unet", settings=("a=1", "b=2"), replace_nonfinite=-1.0,
                       resample_labels=True),
    )  # fmt: skip
    code, out, _ = call(capsys, "data", "prepare", "data", "-o", "cache", "--json")
    assert json.loads(out) == {"cases": ["a", "b"]}
    assert asked.given[2] == PrepareOptions()
