"""Networks that write over their tensors, each beside the same network written out of place."""

import copy

import torch
from torch import nn
from torch.nn import functional


class Free(nn.Module):
    """Two convolutions and a norm, put together by a function."""

    def __init__(self, run):
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.bn, self.out, self.run = nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1), run
        self.bn.running_mean.uniform_(-1, 1)

    def forward(self, x):
        return self.run(self, x)


def _residual_in(s, x):
    y = functional.relu(s.c1(x), inplace=True)
    z = functional.relu(s.c2(y))
    z += y  # what relu needs for its gradient is written over
    return s.out(z)


def _residual_out(s, x):
    y = functional.relu(s.c1(x))
    return s.out(functional.relu(s.c2(y)) + y)


def _slices_in(s, x):
    y = s.c2(s.c1(x))
    y[:, :2] += 1
    y[..., 0] = 0.5
    y[:, 2:].mul_(2)
    return s.out(s.bn(y))


def _slices_out(s, x):
    y = s.c2(s.c1(x))
    y = torch.cat([y[:, :2] + 1, y[:, 2:]], 1)
    y = torch.cat([torch.full_like(y[..., :1], 0.5), y[..., 1:]], -1)
    return s.out(s.bn(torch.cat([y[:, :2], y[:, 2:] * 2], 1)))


def _view_in(s, x):
    y = s.bn(s.c2(s.c1(x)))
    y.view(len(y), -1).mul_(3)
    y.masked_fill_(y < 0, 0.25)
    return s.out(y)


def _view_out(s, x):
    y = s.bn(s.c2(s.c1(x))) * 3
    return s.out(y.masked_fill(y < 0, 0.25))


def _image_in(s, x):
    x.sub_(0.5)
    y = s.c1(x)
    y.copy_(s.c2(y))
    return s.out(y.clamp_(0, 1))


def _image_out(s, x):
    return s.out(s.c2(s.c1(x - 0.5)).clamp(0, 1))


def _turned_in(s, x):
    y = s.c2(s.c1(x)).permute(0, 2, 3, 1)
    y += 1
    return s.out(torch.sigmoid_(y).permute(0, 3, 1, 2))


FUNCTIONS = {
    "functional": (
        lambda s, x: s.out(
            functional.relu(s.c2(functional.relu(s.c1(x), inplace=True)), inplace=True)
        ),
        lambda s, x: s.out(functional.relu(s.c2(functional.relu(s.c1(x))))),
    ),
    "method": (
        lambda s, x: s.out(torch.relu_(s.c2(s.c1(x).relu_()))),
        lambda s, x: s.out(s.c2(s.c1(x).relu()).relu()),
    ),
    "norm": (
        lambda s, x: s.out(functional.silu(s.bn(s.c2(s.c1(x))), inplace=True)),
        lambda s, x: s.out(functional.silu(s.bn(s.c2(s.c1(x))))),
    ),
    "residual": (_residual_in, _residual_out),
    "slices": (_slices_in, _slices_out),
    "view": (_view_in, _view_out),
    "image": (_image_in, _image_out),
    "turned": (_turned_in, lambda s, x: s.out(torch.sigmoid(s.c2(s.c1(x)) + 1))),
}


def twins(name):
    """The network that writes over its tensors, and the other."""
    torch.manual_seed(0)
    first, second = (Free(run) for run in FUNCTIONS[name])
    second.load_state_dict(first.state_dict())
    return first.eval(), second.eval()


def module_twins(act):
    """Convolutions, norms and activation modules; those of the first work in place."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), act(),
        nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout(0.5), act(),
        nn.Conv2d(4, 2, 1),
    ).eval()  # fmt: skip
    for bn in (net[1], net[4]):
        bn.running_mean.uniform_(-1, 1)
    other = copy.deepcopy(net)
    for module in net.modules():
        if hasattr(module, "inplace"):
            module.inplace = True
    return net, other
