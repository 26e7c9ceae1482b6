"""The answer among several outputs."""

from collections import OrderedDict, namedtuple
from dataclasses import dataclass

import pytest
import torch

from segscope.features import answer_of, shapes_of

ANSWER, OTHER = torch.zeros(1, 2, 4), torch.ones(1, 2, 4)


@dataclass
class Record:
    loss: object
    logits: torch.Tensor
    hidden: object = None


class Bare:
    def __init__(self):
        self.aux, self.out = OTHER, ANSWER


Named = namedtuple("Named", "logits aux")


@pytest.mark.parametrize(
    ("output", "name", "said"),
    [
        (ANSWER, "", False),
        ({"out": ANSWER, "aux": None}, "out", False),
        (OrderedDict(aux=OTHER, out=ANSWER), "out", True),
        ({"loss": torch.tensor(1.0), "seg": ANSWER}, "seg", True),
        (Record(torch.tensor(1.0), ANSWER), "logits", True),
        (Record(None, ANSWER, (OTHER,)), "logits", True),
        (Named(ANSWER, OTHER), "logits", True),
        (Bare(), "out", True),
        ([ANSWER, OTHER], "0", True),
        ((torch.zeros(1, 2, 2), ANSWER), "1", True),
        ([[ANSWER], OTHER], "0.0", True),
    ],
    ids=["tensor", "dict of one", "dict", "other names", "record", "record with more",
         "named tuple", "object", "list", "small one first", "nested"],
)  # fmt: skip
def test_what_is_called_out_or_logits_else_what_fits(output, name, said):
    found = answer_of(output, lambda t: t.shape == ANSWER.shape)
    assert found.tensor is ANSWER
    assert found.name == name
    assert bool(found.description) == said
    if said:
        assert f"{name} is taken" in found.description


def test_what_is_named_is_not_replaced_by_what_fits():
    small = {"logits": torch.zeros(1, 2, 2), "hidden": ANSWER}
    assert answer_of(small, lambda t: t.shape == ANSWER.shape) is None
    assert shapes_of(small) == "logits (1, 2, 2), hidden (1, 2, 4)"
    assert answer_of(None, lambda t: True) is None
    assert answer_of("text", lambda t: True) is None
