"""Memory that is written over is seen."""

import pytest
import torch
from torch import nn

from segscope.features import FeatureHooks
from tests.features.layers_read import X, layers_of
from tests.twins import Free, twins


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
