"""The watch steps aside for modules whose effect is known, and knows what came of them."""

import pytest
import torch
from torch import nn

from segscope.features import Taps
from segscope.features.plain_modules import plain_modules


class Odd(nn.Conv2d):
    """Another type of the same name in part."""


def test_modules_that_do_something_else_are_watched():
    changed, hooked = nn.ReLU(), nn.ReLU()
    changed.forward = lambda x: x
    hooked.register_forward_hook(lambda *_: None)
    plain = nn.Conv2d(1, 1, 1)
    assert plain_modules(nn.Sequential(changed, hooked, Odd(1, 1, 1), plain)) == [plain]
    assert plain_modules(plain) == []


@pytest.mark.parametrize("watched", [False, True])
def test_axes_and_values_are_those_of_a_pass_that_is_watched_whole(watched):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.InstanceNorm2d(4), nn.ReLU(inplace=True),
        nn.MaxPool2d(2), nn.Conv2d(4, 6, 1), nn.BatchNorm2d(6), nn.LeakyReLU(inplace=True),
        nn.Upsample(scale_factor=2), nn.Dropout2d(), nn.Conv2d(6, 1, 1),
    ).eval()  # fmt: skip
    x = torch.randn(1, 1, 8, 8)
    if watched:
        for module in net:
            module.register_forward_hook(lambda *_: None)
    with torch.no_grad(), Taps(net, [str(k) for k in range(10)]) as taps:
        net(x)
    expected = x
    with torch.no_grad():
        for k, module in enumerate(net):
            expected = module(expected.clone())
            assert torch.equal(taps.features[str(k)], expected)


def test_a_module_that_fails_leaves_no_watch_behind():
    net = nn.Sequential(nn.ReLU(), nn.Conv2d(3, 1, 1))
    with pytest.raises(RuntimeError), Taps(net, ["0"]):
        net(torch.zeros(1, 1, 4, 4))
    assert torch.utils._python_dispatch._get_current_dispatch_mode() is None
