"""The audit of networks whose layers' abilities are known, and of any other network."""

import math

import pytest
import torch
from torch import nn

from segscope.audit import audit
from segscope.data import open_dataset
from segscope.explain import layer_ability, mean_ability, unit_ability
from segscope.features import FeatureHooks
from segscope.networks import ANUNet, UNet
from tests.audit.built import disc, threshold_network
from tests.synthetic import write_plane_dataset


def test_abilities_that_are_known_by_construction():
    found = audit(threshold_network(), [disc()], units=["1"])
    case = found.cases[0]
    assert found.layers == ("1",)
    assert case.dice == 1.0
    assert case.layers[0].scores["dice"] == (1.0,)
    assert case.layers[0].agreement == (1.0,)
    assert case.layers[0].chance[0] < 0.7
    assert case.units[0].dice == ((1.0,), (0.0,))  # the constant unit's map is empty
    assert case.mu == 0.5


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("classes", [1, 3])
def test_numbers_are_those_of_the_explanations(dims, classes):
    torch.manual_seed(0)
    net = UNet(dims, 1, classes, widths=(3, 4, 5)).eval()
    x = torch.randn(1, *(8,) * dims)
    truth = torch.randint(0, max(2, classes), (1, *(8,) * dims))
    case = audit(net, [("a", x, truth)]).cases[0]
    with torch.no_grad(), FeatureHooks(net) as hooks:
        logits = net(x[None])
    guide = torch.sigmoid(logits) if classes == 1 else logits.softmax(1)
    for layer in case.layers:
        expected = layer_ability(hooks.features[layer.layer], guide, truth[None]).dice[0]
        assert layer.scores["dice"] == pytest.approx(expected.tolist(), nan_ok=True)
    last = list(hooks.features)[-2:]
    assert [units.layer for units in case.units] == last
    assert case.mu == pytest.approx(mean_ability([hooks.features[n] for n in last], guide).item())
    units = unit_ability(hooks.features[last[1]], guide, truth[None]).dice[0]
    for ours, theirs in zip(case.units[1].dice, units.tolist(), strict=True):
        assert ours == pytest.approx(theirs, nan_ok=True)


def test_keeping_features_and_running_twice_give_the_same():
    torch.manual_seed(0)
    net = ANUNet(2, 1, 2, widths=(3, 4, 5)).eval()
    cases = [("a", torch.randn(1, 8, 8), torch.randint(0, 2, (1, 8, 8)))]
    assert audit(net, cases).cases == audit(net, cases, low_memory=True).cases


def test_without_truth_there_is_agreement_and_mu():
    with_truth, without = (audit(threshold_network(), [disc(truth=t)]) for t in (True, False))
    assert not without.has_truth
    assert without.cases[0].layers[0].scores == {}
    assert without.cases[0].mu == with_truth.cases[0].mu
    assert math.isnan(without.cases[0].dice)


def test_other_wrappers_and_precisions_of_a_network():
    net = UNet(2, 1, 1, widths=(3, 4)).eval()
    cases = [("a", torch.randn(1, 8, 8), None)]
    plain = audit(net, cases)
    assert audit(nn.DataParallel(net), cases).cases == plain.cases
    half = audit(UNet(2, 1, 1, widths=(3, 4)).to(torch.bfloat16), cases)
    assert half.layers == plain.layers


class Wrapped(nn.Module):
    """Answers as torchvision's segmentation networks do."""

    def __init__(self, answer):
        super().__init__()
        self.net, self.answer = threshold_network(), answer

    def forward(self, x):
        return self.answer(self.net(x))


def test_several_outputs_and_probabilities():
    plain = audit(threshold_network(), [disc()]).cases[0]
    for answer in (lambda y: {"out": y, "aux": None}, lambda y: [y, y[:1]], lambda y: (y,)):
        assert audit(Wrapped(answer), [disc()]).cases[0].mu == plain.mu
    found = audit(Wrapped(torch.sigmoid), [disc()], output="probabilities").cases[0]
    assert found.mu == plain.mu


@pytest.mark.parametrize(
    ("answer", "options", "said"),
    [
        (lambda y: y.mean((2, 3)), {}, "no segmentation"),
        (lambda y: y[..., ::2], {}, "no segmentation"),
        (lambda y: None, {}, "no tensor"),
        (lambda y: y * float("nan"), {}, "not finite"),
        (torch.sigmoid, {}, "say output='probabilities'"),
        (lambda y: y, {"output": "probabilities"}, "outside of 0..1"),
        (lambda y: y, {"output": "maps"}, "logits or probabilities"),
        (lambda y: y, {"layers": ["net.9"]}, "near are net"),
        (lambda y: y, {"units": ["net.9"]}, "is not among the layers"),
    ],
)
def test_what_cannot_be_audited_is_named(answer, options, said):
    with pytest.raises(ValueError, match=said):
        audit(Wrapped(answer), [disc()], **options)


def test_features_that_are_not_finite_name_their_layer():
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU()), nn.Conv2d(1, 1, 1)
            self.odd = nn.ReLU()

        def forward(self, x):
            self.odd(x * float("inf"))
            return self.last(self.first(x)) + 2

    with pytest.raises(ValueError, match="layer odd: features are not finite"):
        audit(Broken(), [disc()])


def test_shapes_of_cases_are_checked():
    with pytest.raises(ValueError, match=r"case a: expected an image \(C, \*S\)"):
        audit(threshold_network(), [("a", torch.zeros(1, 4, 4), torch.zeros(1, 4, 5))])


def test_files_need_to_know_how_they_are_prepared(tmp_path):
    case = open_dataset(write_plane_dataset(tmp_path / "d", cases=1)).training[0]
    with pytest.raises(ValueError, match="name a preparation"):
        audit(threshold_network(), [case])
