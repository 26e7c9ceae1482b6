"""Units that are constants for the answer: left out, nothing changes; how many are needed."""

import numpy as np
import pytest
import torch

from segscope.audit import audit
from segscope.audit.active import ActiveUnits, active_units, fewest, kept_units
from segscope.audit.subject import Subject
from segscope.data import open_dataset
from tests.audit.untrained import untrained
from tests.synthetic import write_plane_dataset


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """A network whose output looks at one unit of its last layer, far more than at the others."""
    folder = tmp_path_factory.mktemp("planes") / "data"
    dataset = open_dataset(write_plane_dataset(folder, cases=2, shape=(32, 32)))
    model = untrained(dataset, preprocessing={"resize": [32, 32]}, patch=[32, 32])
    return dataset, model


def last_convolution(model):
    return [m for m in model.net.modules() if isinstance(m, torch.nn.Conv2d)][-1]


def test_constants_change_nothing_where_the_output_does_not_look(seen):
    """Eqs. 10 and 11: of 4 units the output has weights for two; the others may be anything."""
    dataset, model = seen
    head = last_convolution(model)
    before = head.weight.detach().clone()
    with torch.no_grad():
        head.weight[:, [1, 3]] = 0
    try:
        subject = Subject.of(model)
        x = torch.rand(1, 1, 32, 32)
        layer = audit(model, dataset.training).cases[0].units[-1].layer
        whole = subject.probabilities(x)
        with kept_units(subject, layer, [0, 2], torch.full((4,), 123.0)):
            left = subject.probabilities(x)
        with kept_units(subject, layer, [0, 1], torch.full((4,), 123.0)):
            lost = subject.probabilities(x)
    finally:
        with torch.no_grad():
            head.weight.copy_(before)
    torch.testing.assert_close(left, whole, rtol=0, atol=0)
    assert (lost - whole).abs().max() > 0.01
    torch.testing.assert_close(subject.probabilities(x).shape, whole.shape)


def test_all_units_are_the_network_and_the_order_is_by_agreement(seen):
    dataset, model = seen
    found = active_units(model, dataset.training, dataset)
    audited = audit(model, dataset.training)
    dice = np.mean([case.output["dice"][0] for case in audited.cases])
    assert found.dice_whole == pytest.approx(dice, abs=1e-6)
    assert found.dice[-1] == found.random[-1] == found.dice_whole
    units = np.mean([np.array(case.units[-1].agreement)[:, 0] for case in audited.cases], 0)
    assert list(found.order) == list(np.argsort(-np.nan_to_num(units), kind="stable"))
    assert len(found.dice) == len(found.random) == len(found.order) == 4


def test_the_fewest_units_lose_little_and_so_do_all_more():
    found = ActiveUnits("l", (0, 1, 2, 3), (0.5, 0.795, 0.7, 0.8), (0.1,) * 4, 0.8)
    assert found.active == 4
    assert fewest([0.5, 0.795, 0.791, 0.8], 0.79) == 2
    assert fewest([0.8], 0.9) == 1
