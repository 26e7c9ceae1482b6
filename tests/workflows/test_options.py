"""Options of verbs: paths as text, lists as tuples, and what is no run."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from segscope.data import ReadOptions
from segscope.errors import InputError
from segscope.workflows.options import (
    CaseOptions,
    JobOptions,
    ModelOptions,
    Options,
    as_settings,
    check_model,
)
from segscope.workflows.quality import QualityOptions


def test_text_becomes_paths_and_lists_become_tuples():
    found = QualityOptions(truth="a/b", ensemble=["x", Path("y")], scores=["one"])
    assert found.truth == Path("a/b")
    assert found.ensemble == (Path("x"), Path("y"))
    assert found.scores == ("one",)


def test_text_that_is_no_path_stays_text():
    @dataclass(frozen=True, kw_only=True)
    class Own(Options):
        name: str = ""
        where: Path = Path()

    assert (Own(name="a", where="b").name, Own(where="b").where) == ("a", Path("b"))
    with pytest.raises(TypeError, match="wher"):
        Own(wher="b")


@pytest.mark.parametrize(("jobs", "ray", "several"), [(1, False, False), (2, False, True),
                                                      (1, True, True)])  # fmt: skip
def test_several_do_the_work_where_that_is_asked_for(jobs, ray, several):
    assert JobOptions(jobs=jobs, ray=ray).by_several is several


def test_files_are_read_as_the_run_read_them_unless_something_is_said(tmp_path):
    (tmp_path / "split.json").write_text('{"val": ["a"], "reading": {"resample_labels": true}}')
    assert CaseOptions().reading_like(tmp_path) == ReadOptions(resample_labels=True)
    asked = CaseOptions(replace_nonfinite=2.0)
    assert asked.reading_like(tmp_path) == ReadOptions(replace_nonfinite=2.0)
    assert CaseOptions().reading_like(None) == ReadOptions()


def test_settings_are_words_of_the_command_line():
    assert as_settings({"a.b": None, "c": "text", "d": Path("x")}) == [
        "a.b=null", 'c="text"', 'd="x"'
    ]  # fmt: skip


def test_what_is_no_model_is_told(tmp_path):
    with pytest.raises(
        InputError, match=r"holds no model\.json, and nothing of a model of another"
    ):
        check_model(tmp_path)
    with pytest.raises(InputError, match=r"holds no model\.json; name the folder of a run"):
        check_model(tmp_path / "none" / "below")
    (tmp_path / "model.json").write_text("{}")
    check_model(tmp_path)


def test_what_may_be_of_another_tool_is_left_to_the_door(tmp_path):
    (tmp_path / "nnUNetTrainer__nnUNetPlans__3d_fullres").mkdir()
    check_model(tmp_path)


def test_choices_of_a_model_go_to_the_door():
    chosen = ModelOptions(folds="0,1", checkpoint="best").opening(device="cpu", level=2)
    assert (chosen.folds, chosen.checkpoint, chosen.device, chosen.level) == (
        "0,1",
        "best",
        "cpu",
        2,
    )
