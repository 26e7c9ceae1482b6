"""Which layers of a network there are."""

import pytest
import torch
from torch import nn

from segscope.features import FeatureHooks, feature_names
from segscope.networks import ANUNet, AttentionUNet, R2UNet, UNet

X = torch.zeros(1, 1, 16, 16)


def hooks(net):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules())


def test_the_papers_unet_has_18_layers_two_per_level():
    net = UNet(2, 1, 1, widths=(2, 3, 4, 5, 6)).eval()
    with FeatureHooks(net) as hooks:
        net(X)
    shapes = [tuple(f.shape[1:]) for f in hooks.features.values()]
    levels = [(2, 16), (3, 8), (4, 4), (5, 2), (6, 1), (5, 2), (4, 4), (3, 8), (2, 16)]
    assert shapes == [(c, s, s) for c, s in levels for _ in range(2)]


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("make", [UNet, AttentionUNet, R2UNet, ANUNet])
def test_every_network_of_ours_has_layers(make, dims):
    net = make(dims, 1, 2, widths=(2, 3, 4))
    names = feature_names(net, "auto", torch.zeros(1, 1, *(8,) * dims))
    assert len(names) == len(set(names)) >= 10
    assert hooks(net) == 0


def test_transposed_convolutions_are_left_out_unless_named():
    net = nn.Sequential(
        nn.ConvTranspose2d(1, 2, 2, 2), nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 1, 1), nn.ReLU()
    )
    assert feature_names(net, "auto", X) == ["4"]
    assert feature_names(net, ["2"], X) == ["2"]


def test_networks_without_activation_modules_fall_back_to_norms_then_convolutions():
    normed = nn.Sequential(nn.Conv2d(1, 2, 1), nn.InstanceNorm2d(2))
    assert feature_names(normed, "auto", X) == ["1"]
    assert feature_names(nn.Sequential(nn.Conv2d(1, 2, 1)), "auto", X) == ["0"]
    with pytest.raises(ValueError, match="no activation, norm or convolution"):
        FeatureHooks(nn.Flatten())


def test_layers_by_type():
    net = UNet(2, 1, 1, widths=(2, 3))
    assert len(feature_names(net, nn.BatchNorm2d, X)) == len(feature_names(net, nn.ReLU, X))
    with pytest.raises(ValueError, match="no Conv3d"):
        FeatureHooks(net, nn.Conv3d)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match=r"no 'encoder\.0\.9'; near are .*encoder\.0\."):
        FeatureHooks(UNet(2, 1, 1, widths=(2, 3)), ["encoder.0.9"])
