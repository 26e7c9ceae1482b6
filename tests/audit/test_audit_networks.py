"""Audits of networks as people have them, and of cases that cannot be audited."""

import copy
from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

from segscope.audit import audit, draw_case
from segscope.networks import UNet
from tests.twins import FUNCTIONS, Free, module_twins, twins

SIDES = (8, 10)
X = torch.linspace(-1, 2, 80).reshape(1, *SIDES)
TRUTH = torch.zeros(1, *SIDES, dtype=torch.long)
TRUTH[:, 2:6, 3:8] = 1
CASE = ("a", X, TRUTH)


def figures(found):
    """Everything that was measured."""
    return repr(found.cases)


@pytest.mark.parametrize("low_memory", [False, True], ids=["kept", "low memory"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_audits_are_those_of_the_network_out_of_place(name, low_memory):
    net, other = twins(name)
    image, truth = X.clone(), TRUTH.clone()
    layers = ["c1", "c2"] if name != "norm" else ["c1", "c2", "bn"]
    for options in ({"layers": layers}, {"layers": nn.Conv2d}):
        found, expected = (
            audit(one, [("a", image, truth)], output="logits", low_memory=low_memory, **options)
            for one in (net, other)
        )
        assert figures(found) == figures(expected)
    assert torch.equal(image, X)
    assert torch.equal(truth, TRUTH)
    drawn = [draw_case(n, CASE, layers=["c1"], output="logits") for n in (net, other)]
    assert (drawn[0].layers["c1"] == drawn[1].layers["c1"]).all()


@pytest.mark.parametrize("act", [nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SiLU, nn.Hardswish])
def test_modules_in_place_change_no_figure(act):
    net, other = module_twins(act)
    for layers in ("auto", ["1", "4"], nn.BatchNorm2d, [net[0], net[4]]):
        also = [other[0], other[4]] if isinstance(layers, list) and layers[0] is net[0] else layers
        found = audit(net, [CASE], layers=layers, output="logits")
        assert figures(found) == figures(audit(other, [CASE], layers=also, output="logits"))


@pytest.mark.parametrize("name", ["functional", "method", "residual"])
def test_automatic_layers_of_a_network_without_modules(name):
    net, other = twins(name)
    del net.bn, other.bn  # which do not run: convolutions are what is automatic then
    found = audit(net, [CASE], output="logits")
    assert found.layers[:2] == ("c1", "c2")
    assert figures(found) == figures(audit(other, [CASE], output="logits"))


def test_automatic_layers_that_do_not_run_are_said():
    net, _ = twins("functional")
    with pytest.raises(ValueError, match=r"case a: none of the layers .* gives a map"):
        audit(net, [CASE], output="logits")


def test_every_number_type_gives_the_figures_of_single_precision():
    torch.manual_seed(0)
    net = UNet(2, 1, 2, widths=(3, 4)).eval()
    plain = audit(net, [CASE]).cases[0]
    for dtype, near in ((torch.float64, 0.02), (torch.bfloat16, 0.1), (torch.float16, 0.05)):
        other = copy.deepcopy(net).to(dtype)
        for image in (X, X.to(dtype)):
            found = audit(other, [("a", image, TRUTH)]).cases[0]
            assert found.mu == pytest.approx(plain.mu, abs=near)
            assert [one.layer for one in found.layers] == [one.layer for one in plain.layers]
    mixed = copy.deepcopy(net).to(torch.bfloat16)
    for module in mixed.modules():
        if isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d):
            module.float()
    assert audit(mixed, [CASE]).cases[0].mu == pytest.approx(plain.mu, abs=0.1)
    assert audit(net.requires_grad_(False), [CASE]).cases[0].mu == plain.mu


@dataclass
class Record:
    logits: torch.Tensor
    hidden: tuple


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda y: {"aux": -y, "out": y}, "(aux, out) out is taken"),
        (lambda y: Record(y, (y,)), "(logits, hidden) logits is taken"),
        (lambda y: [y, -y], "(0, 1) 0 is taken"),
        (lambda y: (y[..., ::2], y), "(0, 1) 1 is taken"),
    ],
    ids=["dict", "record", "list", "small one first"],
)
def test_which_output_is_taken_is_said(answer, said):
    torch.manual_seed(0)
    plain = Free(lambda s, x: s.out(s.c2(s.c1(x))))
    several = Free(lambda s, x: answer(s.out(s.c2(s.c1(x)))))
    several.load_state_dict(plain.state_dict())
    options = {"layers": ["c1"], "output": "logits"}
    expected, found = (audit(net, [CASE], **options).cases[0] for net in (plain, several))
    assert [note for note in found.notes if said in note]
    assert repr(replace(found, notes=())) == repr(replace(expected, notes=()))
    assert expected.notes == ()


def test_an_output_that_is_not_of_the_right_shape_is_not_replaced_by_another():
    net = Free(lambda s, x: {"logits": s.out(s.c1(x))[..., ::2], "maps": s.c1(x)})
    with pytest.raises(ValueError, match=r"case a: .*no segmentation: logits \(1, 2, 8, 5\), maps"):
        audit(net, [CASE], layers=["c1"])


def squashed(channels):
    net = Free(lambda s, x: torch.sigmoid(s.out(s.c1(x)))[:, :channels])
    return net, {"layers": ["c1"]}


def test_logits_may_lie_within_0_and_1_where_the_caller_says_so():
    net, options = squashed(2)
    with pytest.raises(ValueError, match=r"say output='probabilities' .* or output='logits'"):
        audit(net, [CASE], **options)
    found = audit(net, [CASE], output="logits", **options)
    logits = Free(lambda s, x: torch.sigmoid(s.out(s.c1(x))).softmax(1))
    logits.load_state_dict(net.state_dict())
    expected = audit(logits, [CASE], output="probabilities", **options)
    assert figures(found) == figures(expected)


def test_probabilities_must_be_some():
    net, options = squashed(2)
    with pytest.raises(ValueError, match="do not add up to 1 over the classes"):
        audit(net, [CASE], output="probabilities", **options)
    one, options = squashed(1)
    audit(one, [CASE], output="probabilities", **options)
    shifted = Free(lambda s, x: s.out(s.c1(x)).softmax(1) + 1)
    with pytest.raises(ValueError, match=r"values lie outside of 0\.\.1"):
        audit(shifted, [CASE], output="probabilities", **options)


def test_a_training_network_is_left_as_it_was():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5),
        nn.Conv2d(4, 2, 1),
    )  # fmt: skip
    net[0].weight.requires_grad_(False)
    state = copy.deepcopy(net.state_dict())
    expected = figures(audit(net.eval(), [CASE]))
    net.train()[1].eval()
    random = torch.get_rng_state()
    modes = [module.training for module in net.modules()]
    for low_memory in (False, True):
        assert figures(audit(net, [CASE], low_memory=low_memory)) == expected
        with pytest.raises(ValueError, match="holds the label 3"):
            audit(net, [("b", X, TRUTH * 3)], low_memory=low_memory)
        draw_case(net, CASE)
        assert [module.training for module in net.modules()] == modes
        assert torch.equal(torch.get_rng_state(), random)
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    for name, value in net.state_dict().items():
        assert torch.equal(value, state[name])
    assert [p.requires_grad for p in net.parameters()] == [False, *[True] * 5]
    assert all(p.grad is None for p in net.parameters())


def test_a_network_that_draws_numbers_draws_the_same_in_both_passes():
    net = Free(lambda s, x: s.out(s.c1(x + torch.rand_like(x))))
    found = []
    for low_memory in (False, True):
        torch.manual_seed(5)
        found.append(audit(net, [CASE], layers=["c1"], output="logits", low_memory=low_memory))
    assert figures(found[0]) == figures(found[1])


def test_runs_of_a_reused_module():
    class Reused(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.r, self.out = (
                nn.Conv2d(1, 4, 1), nn.Conv2d(4, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 1)
            )  # fmt: skip

        def forward(self, x):
            return self.out(self.r(self.b(self.r(self.a(x)))))

    torch.manual_seed(0)
    net = Reused()
    whole = audit(net, [CASE], output="logits")
    assert whole.layers == ("r", "r#2")
    one = audit(net, [CASE], output="logits", layers=["r#2"], units=["r#2"])
    assert one.layers == ("r#2",)
    second = whole.cases[0].layers[1]
    assert second.place == "encoder 1/1 conv 2, 4 @ 1/1"
    # alone it is the first of those that were asked for
    assert replace(one.cases[0].layers[0], place=second.place) == second
    with pytest.raises(ValueError, match="layer r#3: does not run"):
        audit(net, [CASE], output="logits", layers=["r#3"])


def test_an_ambient_autocast_does_not_blur_what_is_counted():
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Conv2d(2, 2, 1)).to(torch.bfloat16)
    big = torch.rand(1, 64, 64)
    case = ("a", big, (big > 0.4).long())
    plain = figures(audit(net, [case], output="logits"))
    with torch.autocast("cpu", torch.bfloat16):
        assert figures(audit(net, [case], output="logits")) == plain
