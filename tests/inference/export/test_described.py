"""What stands beside an exported network leads back to its own preparation."""

from pathlib import Path

import pytest
import yaml

from segscope.errors import InputError
from segscope.inference import TrainedModel
from segscope.inference.export.described import card, check_exportable, prepare_values
from segscope.inference.parts import ForeignSpec
from segscope.inference.prepare_file import PrepareFile
from tests.inference.nets import random_model


@pytest.mark.parametrize("dims", [2, 3])
def test_the_file_says_the_runs_own_plan(dims):
    model = random_model(dims, crop=True)
    text = yaml.safe_dump(prepare_values(model))
    said = PrepareFile.model_validate(yaml.safe_load(text))
    assert said.names == model.spec.channel_names
    assert said.plan("p", said.names, dims, dims) == model.spec.plan
    assert (said.labels, said.window) == (model.spec.labels, model.spec.patch)


def test_a_card_names_labels_and_steps_and_no_place():
    text = card(random_model(2), what="It is a test.", used="Use it.")
    assert "- 1: label1" in text
    assert "It is a test." in text
    assert str(Path.home()) not in text


def test_another_tools_model_is_not_written_again():
    model = random_model(2)
    spec = ForeignSpec("thing", "Net", {"background": 0}, ("x",))
    with pytest.raises(InputError, match="another tool's"):
        check_exportable(TrainedModel(spec, model.net))
