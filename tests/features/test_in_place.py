"""What a network writes over after a layer has run changes nothing that is read of it."""

import pytest
import torch
from torch import nn

from segscope.features import FeatureHooks
from tests.twins import FUNCTIONS, Free, module_twins, twins

X = torch.linspace(-1, 2, 80).reshape(1, 1, 8, 10)
LAYERS = ["c1", "c2", "bn"]


def layers_of(net):
    """The layers that run, and what they give at that moment."""
    found, handles = {}, []
    for name, module in net.named_children():
        handles.append(
            module.register_forward_hook(
                lambda m, i, out, name=name: found.__setitem__(name, out.detach().clone())
            )
        )
    with torch.no_grad():
        net(X.clone())
    for handle in handles:
        handle.remove()
    return found


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_features_are_those_of_the_network_out_of_place(name, mode):
    net, other = twins(name)
    expected = layers_of(other)
    ran = [layer for layer in LAYERS if layer in expected]
    with mode(), FeatureHooks(net, ran) as hooks:
        said = net(X.clone())
    assert list(hooks.features) == ran
    for layer in ran:
        assert torch.equal(hooks.features[layer].detach(), expected[layer])
    assert torch.equal(said.detach(), other(X.clone()).detach())


@pytest.mark.parametrize(
    "act", [nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SiLU, nn.Hardswish, nn.Mish, nn.ReLU6]
)
def test_modules_in_place_change_nothing(act):
    net, other = module_twins(act)
    for layers in (["0", "1", "3", "4"], nn.BatchNorm2d, "auto"):
        with (
            torch.inference_mode(),
            FeatureHooks(net, layers) as a,
            FeatureHooks(other, layers) as b,
        ):
            net(X.clone()), other(X.clone())
        assert list(a.features) == list(b.features)
        assert all(torch.equal(a.features[name], b.features[name]) for name in b.features)


def test_gradients_flow_to_what_the_layer_gave():
    """A loss on features that are written over later is the loss of the network out of place."""
    found = []
    for net in twins("norm"):
        with FeatureHooks(net, ["bn"]) as hooks:
            said = net(X.clone())
        loss = hooks.features["bn"].square().sum() + said.sum()
        found.append(torch.autograd.grad(loss, net.c1.weight)[0])
    assert torch.equal(*found)


def test_nothing_is_copied_where_nothing_is_written_over():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 1, 1)).eval()
    outputs = []
    net[1].register_forward_hook(lambda m, i, out: outputs.append(out))
    with torch.no_grad(), FeatureHooks(net, ["1"]) as hooks:
        net(X)
    assert hooks.features["1"].data_ptr() == outputs[0].data_ptr()


def test_memory_that_is_written_over_behind_another_name_is_seen():
    net = Free(lambda s, x: s.out(_double_unseen(s.c1(x))))
    expected = layers_of(net)["c1"]
    with torch.no_grad(), FeatureHooks(net, ["c1"]) as hooks:
        net(X.clone())
    assert torch.equal(hooks.features["c1"], expected)


def _double_unseen(y):
    y.data.detach().flatten()[3:].mul_(2)  # no version counter tells of this
    return y


def test_parts_of_one_tensor_are_kept_apart():
    class Halves(nn.Module):
        def __init__(self):
            super().__init__()
            self.c, self.a, self.b = nn.Conv2d(1, 4, 1), nn.Identity(), nn.Identity()

        def forward(self, x):
            left, right = self.c(x).chunk(2, 1)
            left = self.a(left)
            right.add_(left)
            return self.b(right)

    torch.manual_seed(0)
    net = Halves()
    with torch.no_grad():
        y = net.c(X)
        with FeatureHooks(net, ["a", "b", "c"]) as hooks:
            net(X)
    assert torch.equal(hooks.features["c"], y)
    assert torch.equal(hooks.features["a"], y[:, :2])
    assert torch.equal(hooks.features["b"], y[:, 2:] + y[:, :2])


def test_a_pass_that_fails_leaves_nothing_behind():
    net, _ = twins("residual")
    with pytest.raises(RuntimeError), FeatureHooks(net, ["c1"]):
        net(torch.zeros(1, 3, 4, 4))
    assert torch.utils._python_dispatch._get_current_dispatch_mode() is None
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


class ThroughNumpy(nn.Module):
    """Writes over its features where torch does not see it."""

    def __init__(self):
        super().__init__()
        self.c, self.o = nn.Conv2d(1, 2, 1), nn.Conv2d(2, 2, 1)

    def forward(self, x):
        y = self.c(x)
        y.detach().numpy()[:, 1] = 7
        return self.o(y)


def test_what_is_written_past_torch_is_refused_or_read_before():
    torch.manual_seed(0)
    net, x = ThroughNumpy(), torch.randn(1, 1, 4, 4)
    with torch.no_grad():
        expected = net.c(x)
        with pytest.raises(ValueError, match="in a way that is not seen"), FeatureHooks(net, ["c"]):
            net(x)
        seen = []
        with FeatureHooks(net, ["c"], lambda name, features: seen.append(features.clone())):
            net(x)
    torch.testing.assert_close(seen, [expected])
