"""``segscope study learning-curve`` asks for what was typed and says Dice by subjects."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from segscope.studies.declared import Asked as Study
from segscope.studies.gbm import Options
from tests.cli.asked import Asked
from tests.commands import call
from tests.synthetic import write_plane_dataset


@pytest.fixture
def asked(monkeypatch):
    arms = (SimpleNamespace(name="image"), SimpleNamespace(name="both"))
    found = {1: {"image": 0.5, "both": 0.6}, 4: {"image": 0.7}}
    outcome = SimpleNamespace(
        sizes=[1, 4],
        experiment=SimpleNamespace(arms=arms),
        of_size=lambda size: SimpleNamespace(estimates=lambda metric: found[size]),
    )
    return Asked(monkeypatch, "segscope.studies.gbm", "run_study", outcome)


def test_options_reach_the_study_and_a_row_leaves_out_what_is_not_done(capsys, asked, tmp_path):
    data = write_plane_dataset(tmp_path / "data", cases=1)
    words = ["--sizes", "1,4", "--seeds", 2, "--mask", "method=threshold", "--no-upper-bound",
             "--test-subjects", 5, "--val-subjects", 3, "--coarse-subjects", 2, "--layer", "head",
             "--jobs", 2]  # fmt: skip
    code, out, _ = call(capsys, "study", "learning-curve", data, "-o", "out", *words)
    assert code == 0
    image, both, page = out.splitlines()
    assert image.split() == ["image", "Dice", "by", "subjects", "1:", "0.5", "4:", "0.7"]
    assert both.split() == ["both", "Dice", "by", "subjects", "1:", "0.6"]
    assert page == f"page: {Path('out/report.html')}"
    assert asked.given[2:] == (
        Study("minutes", {}, 1, 2, 2, False, False),
        Options(sizes=(1, 4), mask={"method": "threshold"}, upper_bound=False, test_subjects=5,
                val_subjects=3, coarse_subjects=2, layer="head"),
    )  # fmt: skip


@pytest.mark.parametrize("sizes", ["a", "1,,2", "1;2"])
def test_sizes_that_are_no_numbers_are_refused_before_the_work(capsys, asked, tmp_path, sizes):
    (tmp_path / "dataset.json").write_text("{}")
    code, _, err = call(
        capsys, "study", "learning-curve", tmp_path, "-o", "out", "--sizes", sizes
    )  # fmt: skip
    assert code == 2
    assert "expected numbers such as" in err
    assert asked.given is None
