"""The one door: what a path is, is seen from its files."""

import pytest

from segscope.errors import InputError
from segscope.inference import OpenOptions, kind_of_model, open_model
from segscope.inference.open_model import KINDS, RUN


def test_a_run_is_opened_as_a_run(run):
    assert kind_of_model(run) is RUN
    model = open_model(run, OpenOptions(weights="last"))
    assert model.parts is None
    assert model.weights_sha256 != open_model(run).weights_sha256


def test_every_kind_has_a_name_of_its_own():
    assert len({kind.name for kind in KINDS}) == len(KINDS) >= 2


def test_what_is_of_no_kind_is_told_which_there_are(tmp_path):
    with pytest.raises(InputError, match="an nnU-Net v2 results folder"):
        kind_of_model(tmp_path)
    with pytest.raises(InputError, match="no such file or folder"):
        kind_of_model(tmp_path / "none")


@pytest.mark.parametrize("option", ["folds", "checkpoint"])
def test_choices_that_a_run_does_not_have_are_refused(option, run):
    with pytest.raises(InputError, match=f"--{option}: .* is a run of segscope, which has no such"):
        open_model(run, OpenOptions(**{option: "0"}))
