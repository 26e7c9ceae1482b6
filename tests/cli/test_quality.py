"""``segscope quality`` asks for what was typed, prints the ranking and names what failed."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from segscope.workflows.quality import QualityOptions
from tests.cli.asked import Asked
from tests.commands import call


def ranked(**failed):
    return SimpleNamespace(
        failed=failed,
        audit=SimpleNamespace(cases=("a", "b")),
        to_dict=lambda: {"cases": 2},
        to_text=lambda: "worst first",
    )


def test_options_reach_the_work(capsys, monkeypatch):
    asked = Asked(monkeypatch, "segscope.workflows.quality", "quality", ranked())
    words = ["--cases", "all", "--truth", "t", "--ensemble", "r1", "--ensemble", "r2", "--score",
             "own", "--calibrate", "d", "--coverage", 0.8, "--method", "quantile", "--target", 0.7,
             "--device", "cpu", "--replace-nonfinite", 0, "--resample-shear", "--jobs", 2, "-o",
             "out"]  # fmt: skip
    code, out, _ = call(capsys, "quality", "run", "-i", "data", *words)
    assert code == 0
    assert asked.given[:3] == (Path("run"), Path("data"), Path("out"))
    assert asked.given[3] == QualityOptions(
        cases="all", truth=Path("t"), ensemble=(Path("r1"), Path("r2")), scores=("own",),
        calibrate=Path("d"), coverage=0.8, method="quantile", target=0.7, device="cpu",
        replace_nonfinite=0.0, resample_shear=True, jobs=2,
    )  # fmt: skip
    assert out.splitlines() == [
        "worst first",
        f"{Path('out/quality.csv')}  {Path('out/quality.json')}",
    ]


def test_cases_that_failed_are_named_behind_the_ranking(capsys, monkeypatch):
    Asked(monkeypatch, "segscope.workflows.quality", "quality", ranked(c="no picture"))
    code, out, err = call(capsys, "quality", "run", "-i", "data", "--json")
    assert (code, json.loads(out)) == (1, {"cases": 2})
    assert "1 of 3 cases failed:" in err
    assert "c: no picture" in err


@pytest.mark.parametrize("coverage", ["0.4", "1"])
def test_a_coverage_that_is_none_is_refused_before_the_work(capsys, monkeypatch, coverage):
    asked = Asked(monkeypatch, "segscope.workflows.quality", "quality", ranked())
    assert call(capsys, "quality", "run", "-i", "data", "--coverage", coverage)[0] == 2
    assert asked.given is None
