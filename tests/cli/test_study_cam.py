"""``segscope study cam`` asks for what was typed."""

import pytest

from segscope.networks import CLASSIFIERS
from segscope.studies.declared import Asked as Study
from segscope.workflows.rois import NORMAL_SOURCES, RoiOptions
from tests.cli.asked import Asked
from tests.commands import call
from tests.synthetic import write_plane_dataset


@pytest.fixture
def asked(monkeypatch):
    monkeypatch.setattr(
        "segscope.experiments.answer", lambda outcome, metric: [f"{metric} is {outcome}"]
    )
    return Asked(monkeypatch, "segscope.studies.cam", "run_study", "so")


def test_options_reach_the_study(capsys, asked, tmp_path):
    data = write_plane_dataset(tmp_path / "data", cases=1)
    words = ["--networks", "a,b", "--budget", "hours", "--set", "epochs=2", "--unet",
             "train.epochs=3", "--folds", 2, "--seeds", 4, "--normals", "mirror", "--jobs", 5,
             "--ray", "--page-only"]  # fmt: skip
    (tmp_path / "study.json").write_text('{"answer": ["a is best"]}')
    code, out, _ = call(capsys, "study", "cam", data, "-o", tmp_path, *words)
    assert code == 0
    assert out.splitlines() == ["a is best", "dice is so", f"page: {tmp_path / 'report.html'}"]
    assert asked.given[1:] == (
        tmp_path, Study("hours", {"epochs": 2}, 2, 4, 5, True, True)
    )  # fmt: skip
    assert asked.named == {
        "networks": ("a", "b"), "unet": {"train": {"epochs": 3}},
        "rois": RoiOptions(normals=NORMAL_SOURCES["mirror"]),
    }  # fmt: skip


def test_the_papers_six_unless_named_and_json_is_what_was_written(capsys, asked, tmp_path):
    data = write_plane_dataset(tmp_path / "data", cases=1)
    (tmp_path / "study.json").write_text('{"a": 1}')
    code, out, _ = call(capsys, "study", "cam", data, "-o", tmp_path, "--json")
    assert (code, out) == (0, '{"a": 1}\n')
    assert asked.named["networks"] == tuple(CLASSIFIERS)


def test_regions_without_lesion_come_from_somewhere(capsys, asked, tmp_path):
    (tmp_path / "dataset.json").write_text("{}")
    code, _, err = call(capsys, "study", "cam", tmp_path, "-o", "x", "--normals", "none")
    assert code == 2
    assert "expected images or mirror" in err
    assert asked.given is None
