"""A trial is done by one process, once, and says what is wrong with its folder."""

import pytest

from segscope.errors import InputError
from segscope.experiments import alone
from segscope.studies.cam_job import await_trial, run_trial


def test_a_trial_that_is_done_or_being_done_is_left_alone(tmp_path):
    (tmp_path / "t").mkdir()
    with alone(tmp_path / "t"):
        run_trial(str(tmp_path), "t")
    (tmp_path / "t" / "result.json").write_text("{}")
    run_trial(str(tmp_path), "t")
    await_trial(str(tmp_path), "t")
    assert {f.name for f in (tmp_path / "t").iterdir()} == {"lock", "result.json"}


def test_a_damaged_trial_is_named(tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "trial.json").write_text('{"arm": "x"}')
    with pytest.raises(InputError, match="does not say draw_name"):
        run_trial(str(tmp_path), "t")
