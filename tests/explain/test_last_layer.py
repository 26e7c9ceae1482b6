"""The layer that maps are taken from where none is named."""

import pytest
import torch
from torch import nn

from segscope.explain import class_activation_map
from segscope.explain.last_layer import last_layer
from segscope.networks import CLASSIFIERS, build_network, classifier

# the input of each one's global pooling, in its package's names
POOLED = {
    "xception": ("body.features.final_block.activ", 2048),
    "inceptionv3": ("body.features.stage3", 2048),
    "resnet50v2": ("body.features.post_activ", 2048),
    "densenet121": ("body.features.post_activ", 1024),
    "mobilenetv2": ("body.features.final_block", 1280),
    "nasnetmobile": ("body.features.activ", 1056),
    "resnet18": ("body.layer4", 512),
    "test_efficientnet": ("body.bn2", 256),
    "test_convnext": ("body.norm_pre", 64),
    "coatnet_pico_rw_224": ("body.norm", 512),
    "nasnetalarge": ("body.act", 4032),
}


def output_of(net, name, x):
    found = []
    handle = net.get_submodule(name).register_forward_hook(lambda m, i, out: found.append(out))
    with torch.no_grad():
        net(x)
    handle.remove()
    return found[-1]


@pytest.mark.parametrize("name", POOLED)
def test_of_a_classifier_it_is_all_that_is_pooled(name):
    net, x = classifier(name, 1, 2).eval(), torch.rand(1, 1, 128, 96)
    layer, channels = POOLED[name]
    assert last_layer(net, x) == layer
    assert output_of(net, layer, x).shape[1] == channels
    assert not any(module._forward_hooks for module in net.modules())


def test_pixels_matter_more_than_depth():
    """At 75 pixels the third stage of Inception has one, and half of a stage is a branch."""
    for name in ("inceptionv3", "inception_v3"):
        net, x = classifier(name, 1, 2).eval(), torch.rand(1, 1, 75, 75)
        found = output_of(net, last_layer(net, x), x)
        assert found.shape[1] == 768
        assert found.shape[2:].numel() > 1


def test_all_six_give_maps_of_it():
    for name in CLASSIFIERS:
        torch.manual_seed(0)
        net, x = classifier(name, 1, 2).eval(), torch.rand(1, 1, 96, 96)
        found, named = (
            class_activation_map(net, x, 1, method="gradcam", layer=layer)
            for layer in (None, last_layer(net, x))
        )
        assert torch.equal(found, named)


class Joined(nn.Module):
    """Two branches whose sum is the score: one alone knows half."""

    def __init__(self):
        super().__init__()
        self.left, self.right = (nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.ReLU())
                                 for _ in range(2))  # fmt: skip
        nn.init.ones_(self.left[0].weight)
        nn.init.constant_(self.right[0].weight, -1)

    def forward(self, x):
        return torch.cat([self.left(x), self.right(x)], 1)


def test_a_map_of_joined_branches_holds_both():
    net = nn.Sequential(
        Joined(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2, bias=False)
    )
    nn.init.ones_(net[3].weight)
    x = torch.tensor([[1.0, 0.0], [0.0, -3.0]])[None, None]
    assert last_layer(net, x) == "0"
    found = class_activation_map(net, x, 0, method="gradcam")
    torch.testing.assert_close(
        found[0], torch.tensor([[0.25, 0.0], [0.0, 0.75]])
    )  # mean of 4 pixels


def test_a_volume_that_shrinks_in_its_plane_alone_has_maps():
    net = nn.Sequential(
        nn.Sequential(nn.Conv3d(1, 4, 3, (1, 2, 2), 1), nn.ReLU(inplace=True)),
        nn.Sequential(nn.Conv3d(4, 8, 3, (1, 4, 4), 1), nn.ReLU(inplace=True)),
        nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(8, 2),
    )  # fmt: skip
    assert last_layer(net, torch.rand(1, 1, 6, 64, 64)) == "1"


def test_a_network_without_layers_has_none():
    with pytest.raises(ValueError, match="name layers"):
        last_layer(nn.Flatten(), torch.rand(1, 1, 4, 4))


@pytest.mark.parametrize("name", ["test_vit", "swin_tiny_patch4_window7_224", "mixer_s16_224"])
def test_tokens_have_none(name):
    net = classifier(name, 1, 2).eval()
    with pytest.raises(ValueError, match="name one"):
        last_layer(net, torch.rand(1, 1, 64, 48))


def test_of_a_segmentation_network_it_is_the_last_activation():
    net = build_network("unet", 2, 1, 2, widths=(4, 8)).eval()
    x = torch.rand(1, 1, 16, 16)
    layer = last_layer(net, x)
    assert isinstance(net.get_submodule(layer), nn.ReLU | nn.LeakyReLU)
    assert output_of(net, layer, x).shape == (1, 4, 16, 16)
