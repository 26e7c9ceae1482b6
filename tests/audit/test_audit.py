"""The audit of networks whose layers' abilities are known, and of any other network."""

import json
import math

import pytest
import torch
from torch import nn

from segscope.audit import DatasetAudit, audit, read_audit
from segscope.audit.measured import Means, Measured
from segscope.audit.names import _dropped, _mirrored
from segscope.audit.quality import quality_of
from segscope.audit.result import from_dict
from segscope.audit.subject import Subject
from segscope.data import json_ready, open_dataset
from segscope.errors import InputError
from segscope.explain import layer_ability, mean_ability, unit_ability
from segscope.features import FeatureHooks
from segscope.networks import ANUNet, UNet
from tests.synthetic import ball, write_plane_dataset


def threshold_network():
    """Brightness above 0.5 is the object; its second unit holds nothing of use."""
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Conv2d(2, 1, 1))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([1.0, 0.0]).view(2, 1, 1, 1))
        net[0].bias.copy_(torch.tensor([0.0, 1.0]))
        net[2].weight.copy_(torch.tensor([20.0, 0.0]).view(1, 2, 1, 1))
        net[2].bias.copy_(torch.tensor([-10.0]))
    return net


def disc(name="a", truth=True):
    mask = torch.from_numpy(ball((16, 16), (6, 6), 4))
    return name, mask.float()[None], mask.long()[None] if truth else None


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


def test_results_survive_json_and_lay_out_tidily(tmp_path):
    found = audit(threshold_network(), [disc("=a"), ("b", torch.zeros(1, 8, 8), None)])
    text = json.dumps(json_ready(found.to_dict()))
    again = from_dict(json.loads(text))
    assert isinstance(again, DatasetAudit)
    assert str(again) == str(found)  # nan is not equal to itself
    tables = found.tables()
    assert tables["cases"].splitlines()[1].startswith("'=a,")  # no formula in a spreadsheet
    assert len(tables["layers"].splitlines()) == 1 + 2
    assert len(tables["units"].splitlines()) == 1 + 2 * 2
    file = tmp_path / "audit.json"
    with pytest.raises(InputError, match="run segscope audit first"):
        read_audit(file)
    file.write_text('{"format": 99}')
    with pytest.raises(InputError, match="not an audit of this version"):
        read_audit(file)


def test_mirrored_predictions_of_a_symmetric_network_agree():
    subject = Subject.of(threshold_network())
    labels = _mirrored(Measured(subject.open(disc()), subject, Means(None)), (0, 1))
    assert len(labels) == 4
    assert all(torch.equal(label, labels[0]) for label in labels)
    assert torch.equal(labels[0], disc()[2])


def test_dropout_samples_differ_and_leave_no_trace():
    net = nn.Sequential(*threshold_network()[:2], nn.Dropout(0.5), nn.Conv2d(2, 1, 1))
    nn.init.constant_(net[3].weight, 5.0)
    nn.init.constant_(net[3].bias, -6.0)
    subject = Subject.of(net)
    state = torch.get_rng_state()
    case = Measured(subject.open(disc()), subject, Means(None))
    first, again = _dropped(case), _dropped(case)
    assert torch.equal(torch.get_rng_state(), state)
    assert any(not torch.equal(label, first[0]) for label in first)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(module.training for module in net.modules())


def test_an_undefined_mu_is_the_lowest_quality():
    found = audit(threshold_network(), [("empty", torch.zeros(1, 8, 8), None), disc()])
    assert math.isnan(found.cases[0].mu)
    assert quality_of(found)["mu"][0] == 0.0 < quality_of(found)["mu"][1]
