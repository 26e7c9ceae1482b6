"""Features as they pass by: the right layers, and never a hook left behind."""

import gc
import weakref

import pytest
import torch
from torch import nn

from segscope.features import FeatureHooks, feature_names, inner
from segscope.networks import AttentionR2UNet, R2UNet, UNet

X = torch.zeros(1, 1, 16, 16)


def hooks(net):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules())


@pytest.mark.parametrize("make", [R2UNet, AttentionR2UNet])
def test_a_recurrent_convolution_is_one_layer_read_at_its_last_run(make):
    net = make(2, 1, 1, widths=(2, 3, 4, 5, 6)).eval()
    names = feature_names(net, "auto", X)
    assert len(names) == 18
    assert names[-2:] == [f"decoder.3.recur.{k}.conv.2#3" for k in (0, 1)]
    block = net.decoder[3]
    given = []
    handle = block.enter.register_forward_hook(lambda module, args, output: given.append(output))
    with FeatureHooks(net) as hooks:
        net(X)
    handle.remove()
    x, states = given[0], []
    for k in (0, 1):  # x_0 = C(x), x_k = C(x + x_{k-1}), twice
        state = block.recur[k].conv(x)
        for _ in range(2):
            state = block.recur[k].conv(x + state)
        states.append(state)
        x = state
    for name, state in zip(names[-2:], states, strict=True):
        assert torch.equal(hooks.features[name], state)


def test_earlier_runs_of_a_recurrent_convolution_are_read_by_name():
    net = R2UNet(2, 1, 1, widths=(2, 3)).eval()
    name = "decoder.0.recur.1.conv.2"
    x = torch.zeros(1, 1, 4, 4)
    assert feature_names(net, [f"{name}#2"], x) == [f"{name}#2"]
    assert feature_names(net, [name], x) == [name, f"{name}#2", f"{name}#3"]


def test_features_are_those_of_the_module():
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU(inplace=True))
    x = torch.randn(2, 1, 4, 4)
    with FeatureHooks(net) as hooks:
        net.eval()(x)
    assert torch.equal(hooks.features["2"], net(x))


def test_hooks_are_gone_after_an_error_too():
    net = UNet(2, 1, 1, widths=(2, 3))
    with pytest.raises(ValueError, match="multiples"), FeatureHooks(net):
        net(torch.zeros(1, 1, 5, 5))
    assert hooks(net) == 0

    def fail(name, features):
        raise RuntimeError(name)

    with pytest.raises(RuntimeError), FeatureHooks(net, "auto", fail):
        net(X)
    assert hooks(net) == 0


def test_features_that_were_received_are_not_kept():
    net = UNet(2, 1, 1, widths=(2, 3)).eval()
    seen = []
    with (
        torch.no_grad(),
        FeatureHooks(net, "auto", lambda name, f: seen.append(weakref.ref(f))) as hooks,
    ):
        net(X)
    gc.collect()
    assert hooks.features == {}
    assert len(seen) == 6
    assert all(reference() is None for reference in seen)


def test_a_module_that_runs_twice_is_counted():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.act = nn.Conv1d(1, 1, 1), nn.ReLU()

        def forward(self, x):
            return self.act(self.conv(self.act(self.conv(x))))

    net = Twice()
    for _ in range(2):  # names start anew with every pass
        assert feature_names(net, "auto", torch.zeros(1, 1, 4)) == ["act", "act#2"]


def test_an_output_that_is_no_map_is_named():
    net = nn.Sequential(nn.Flatten(), nn.Linear(256, 2))
    with (
        pytest.raises(ValueError, match=r"layer 1: its output is no feature map"),
        FeatureHooks(net, ["1"]),
    ):
        net(X)


def test_wrapped_networks_are_read_too():
    net = UNet(2, 1, 1, widths=(2, 3)).eval()
    for wrapped in (nn.DataParallel(net), torch.compile(net)):
        assert inner(wrapped) is net
        assert len(feature_names(wrapped, "auto", X)) == 6


def test_a_bfloat16_network_gives_bfloat16_features():
    net = UNet(2, 1, 1, widths=(2, 3)).to(torch.bfloat16)
    with FeatureHooks(net) as hooks:
        net(X.bfloat16())
    assert all(f.dtype == torch.bfloat16 for f in hooks.features.values())


class Mixed(nn.Module):
    """A convolution, then tokens, then a norm with its channels last."""

    def __init__(self):
        super().__init__()
        self.conv, self.act = nn.Conv2d(1, 4, 4, stride=4), nn.GELU()
        self.mlp, self.token_act = nn.Linear(4, 8), nn.GELU()
        self.back, self.norm = nn.Linear(8, 4), nn.LayerNorm(4)

    def forward(self, x):
        y = self.act(self.conv(x)).permute(0, 2, 3, 1)
        return self.norm(self.back(self.token_act(self.mlp(y)))).mean((1, 2))


def test_channels_last_are_turned_where_named_and_left_out_where_not():
    torch.manual_seed(0)
    net, x = Mixed(), torch.rand(1, 1, 16, 16)
    assert feature_names(net, "auto", x) == ["act"]
    for layer in ("token_act", "mlp", "norm"):
        given = []
        keep = given.append
        handle = net.get_submodule(layer).register_forward_hook(
            lambda m, i, out, keep=keep: keep(out)
        )
        with torch.no_grad(), FeatureHooks(net, [layer]) as hooks:
            net(x)
        handle.remove()
        assert torch.equal(hooks.features[layer], given[0].permute(0, 3, 1, 2))


def test_layers_are_named_by_name_run_or_themselves():
    class Reused(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.r, self.idle = nn.Conv1d(1, 1, 1), nn.ReLU(), nn.ReLU()
            self.same = self.r

        def forward(self, x):
            return self.same(self.conv(self.r(self.conv(x))) - 1)

    net, x = Reused(), torch.ones(1, 1, 4)
    assert feature_names(net, "auto", x) == ["r", "r#2"]
    assert feature_names(net, ["r#2"], x) == ["r#2"]
    assert feature_names(net, ["r#1", "r#2"], x) == ["r", "r#2"]
    assert feature_names(net, ["r#2", "r"], x) == ["r", "r#2"]
    assert feature_names(net, ["same"], x) == ["same", "same#2"]
    assert feature_names(net, net.conv, x) == ["conv", "conv#2"]
    assert feature_names(net, [net.conv, "r#2"], x) == ["conv", "conv#2", "r#2"]
    for wrong, said in (
        (["r#3"], "r#3: does not run on this image .it runs 2 times"),
        (["idle"], "idle: does not run on this image .it runs not at all"),
        (["r#0"], "no 'r#0'; near are r"),
        ([nn.ReLU()], "this ReLU is no layer of the network"),
        ([], "the list is empty"),
        ([3], "expected names or modules, got 3"),
    ):
        with pytest.raises(ValueError, match=said):
            feature_names(net, wrong, x)


def test_networks_with_compiled_parts_are_read_too():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.ReLU(inplace=True)).eval()
    x = torch.randn(1, 1, 4, 4)
    with torch.no_grad():
        expected = net[:2](x)
    net[0], net[2] = (torch.compile(net[k], backend="eager") for k in (0, 2))
    with torch.no_grad(), FeatureHooks(net, ["1"]) as hooks:
        net(x)
    torch.testing.assert_close(hooks.features["1"], expected)
