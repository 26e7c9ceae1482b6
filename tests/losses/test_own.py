"""Losses of other packages: what is wrong with one is told with its package."""

import pytest
import torch

from segscope.errors import InputError
from segscope.losses import build_loss, wants_image
from tests.packages import installed

CODE = """
    from torch import nn

    def squared(scale=1.0):
        return lambda logits, target: scale * (logits - target).square().mean()

    class Weighted(nn.Module):
        needs_image = True

        def forward(self, logits, target, image):
            return (image * (logits - target)).square().mean()

    def every_voxel():
        return lambda logits, target: (logits - target).square()

    def detached():
        return lambda logits, target: (logits - target).square().mean().detach()

    def a_float():
        return lambda logits, target: 1.0

    def failing():
        return lambda logits, target: logits[target]

    def nothing():
        return None

    module = nn.MSELoss()

    def direct(logits, target):
        return (logits - target).square().mean()
"""
NAMES = ("squared", "Weighted", "every_voxel", "detached", "a_float", "failing", "nothing",
         "module", "direct")  # fmt: skip
LOGITS, TARGET = torch.tensor([[[1.0, 3.0]]], requires_grad=True), torch.zeros(1, 1, 2)


@pytest.fixture(autouse=True, scope="module")
def site(tmp_path_factory):
    entries = {f"segscope.losses:{name.lower()}": name for name in NAMES}
    with installed(tmp_path_factory.mktemp("site"), "own-losses", CODE, entries):
        yield


def test_options_reach_the_loss_and_its_value_is_passed_on():
    assert build_loss("squared", scale=2.0)(LOGITS, TARGET).item() == 10.0
    assert not wants_image(build_loss("squared"))


def test_a_loss_that_asks_for_the_image_is_given_it():
    loss = build_loss("weighted")
    assert wants_image(loss)
    assert loss(LOGITS, TARGET, image=torch.tensor([[[0.0, 1.0]]])).item() == 4.5


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("every_voxel", r"returns shape \(1, 1, 2\), a scalar is expected"),
        ("a_float", "returns a float, a scalar is expected"),
        ("detached", "has no gradient"),
        ("failing", r"failed \(IndexError"),
        ("nothing", "makes a NoneType, which cannot be called"),
        ("module", "is a MSELoss, where a class or a function that makes the loss is expected"),
        ("direct", "missing 2 required positional arguments"),
    ],
)
def test_what_is_no_loss_is_told(name, said):
    with pytest.raises(InputError, match=rf"loss '{name}' of own-losses==1.2 .*{said}"):
        build_loss(name)(LOGITS, TARGET)
