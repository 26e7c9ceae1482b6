"""Scores of layers that were counted together, against hand-worked ones."""

import pytest
import torch

from segscope.audit import tally as tally_module
from segscope.audit.tally import Look, Tally
from segscope.features import Yardstick

GUIDE = torch.tensor([[[0.0, 0.0, 1.0, 1.0]]])
TRUTH = torch.tensor([[[0, 0, 0, 1]]])


def looked_at(references):
    tally = Tally()
    tally.add_output(GUIDE, references, None)
    look = Look(tally, Yardstick([GUIDE, GUIDE.roll(2, 2)], references), ["b"])
    look.at("a", torch.tensor([[[0.0, 0.0, 5.0, 5.0]]]))
    look.at("b", torch.tensor([[[0.0, 5.0]]]))
    look.at("c", torch.tensor([[[5.0, 0.0, 0.0, 0.0]]]))
    look.finish(["a", "b", "c"])
    return tally, look


@pytest.mark.parametrize("held", [1, 2**20])
def test_scores_by_hand_whether_layers_wait_or_not(monkeypatch, held):
    monkeypatch.setattr(tally_module, "_HELD_VALUES", held)
    tally, look = looked_at([GUIDE.long(), TRUTH])
    first, second, third = tally.layer_scores()
    assert [first.layer, second.layer, third.layer] == ["a", "b", "c"]
    assert first.agreement == (1.0,)
    assert first.scores["dice"] == (2 / 3,)
    assert first.scores["accuracy"] == (3 / 4,)
    # the middle of the background's mean 2.5 and the object's mean 0: three voxels lie below
    assert third.agreement == (0.8,)
    assert tally.output_scores()["dice"] == (2 / 3,)
    (units,) = tally.unit_scores()
    assert units.layer == "b"
    assert units.agreement == ((1.0,),)
    assert units.dice == ((2 / 3,),)
    assert look.heat_map().tolist() == [[[0.0, 0.0, 1.0, 1.0]]]


def test_without_truth_there_is_agreement_alone():
    tally, _ = looked_at([GUIDE.long()])
    assert tally.layer_scores()[0].scores == {}
    assert tally.layer_scores()[0].agreement == (1.0,)
    assert next(tally.unit_scores()).dice == ()
