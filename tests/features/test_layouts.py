"""Maps with their channels last are turned, where it is certain which axis holds them."""

import pytest
import torch
from torch import nn
from torchvision.models.swin_transformer import SwinTransformer

from segscope.explain import class_activation_map
from segscope.explain.last_layer import last_layer
from segscope.features import feature_names
from segscope.networks.timm_library import import_timm
from tests.features.layouts_read import read


class Steps(nn.Module):
    """A signal's convolution, then what has its channels last."""

    def __init__(self, body, *, first=True, start=False):
        super().__init__()
        self.conv, self.act, self.body, self.head = (
            nn.Conv1d(2, 6, 3, padding=1), nn.ReLU(), body, nn.Linear(6, 2)
        )  # fmt: skip
        self.first, self.start = first, nn.Parameter(torch.rand(1, 1, 6)) if start else None

    def forward(self, x):
        y = self.act(self.conv(x)).permute((0, 2, 1) if self.first else (2, 0, 1))
        if self.start is not None:
            y = torch.cat([self.start.expand(len(y), -1, -1), y], 1)
        y = self.body(y)
        y = y[0] if isinstance(y, tuple) else y
        return self.head(y.mean(1 if self.first else 0))


def encoder():
    layer = nn.TransformerEncoderLayer(6, 2, 12, batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


@pytest.mark.parametrize("length", [6, 9], ids=["as many steps as channels", "more steps"])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("first", [True, False], ids=["batch first", "steps first"])
def test_recurrent_layers_are_turned(kind, first, length):
    net = Steps(kind(6, 6, batch_first=first), first=first)
    found, raw = read(net, "body", torch.rand(1, 2, length))
    assert torch.equal(found, raw.permute((0, 2, 1) if first else (1, 2, 0)))


@pytest.mark.parametrize("length", [6, 9], ids=["as many steps as channels", "more steps"])
def test_encoders_of_sequences_are_turned(length):
    net, x = Steps(encoder()), torch.rand(2, 2, length)
    for layer in ("body", "body.layers.0", "body.layers.1.norm2", "body.layers.0.linear2"):
        if layer.count(".") > 2:
            continue  # these run only where gradients are wanted
        found, raw = read(net, layer, x)
        assert torch.equal(found, raw.transpose(1, 2))
    heat = class_activation_map(net, x, 1, method="gradcam", layer="body", resize=False)
    assert heat.shape == (2, length)


def test_a_sequence_with_a_token_of_its_own_is_no_map():
    with pytest.raises(ValueError, match="layer body: its output is no feature map"):
        read(Steps(encoder(), start=True), "body", torch.rand(1, 2, 6))


def test_a_default_layer_is_never_one_with_its_channels_last():
    for body in (nn.LSTM(6, 6, batch_first=True), encoder()):
        with pytest.raises(ValueError, match="name one"):
            last_layer(Steps(body), torch.rand(1, 2, 9))


@pytest.fixture(scope="module")
def swins():
    torch.manual_seed(0)
    ours = {"embed_dim": 12, "depths": (1, 2), "num_heads": (2, 2), "img_size": 28}
    return (
        import_timm()
        .create_model(
            "swin_tiny_patch4_window7_224", pretrained=False, num_classes=2, window_size=7, **ours
        )
        .eval(),
        SwinTransformer([4, 4], 12, [1, 2], [2, 2], [2, 2], num_classes=2).eval(),
    )


@pytest.mark.parametrize(
    ("which", "layer"),
    [
        (0, "layers.0"), (0, "layers.1"), (0, "layers.1.blocks.1"), (0, "norm"),
        (1, "features.1"), (1, "features.2"), (1, "features.3.1"), (1, "features.3.1.mlp"),
        (1, "features.3.1.attn"), (1, "norm"),
    ],
)  # fmt: skip
def test_swins_are_turned(swins, which, layer):
    net, x = swins[which], torch.rand(1, 3, 28, 28) if which == 0 else torch.rand(1, 3, 16, 24)
    found, raw = read(net, layer, x)
    assert torch.equal(found, raw.permute(0, 3, 1, 2))
    heat = class_activation_map(net, x, 1, method="gradcam", layer=layer, resize=False)
    assert heat.shape == (1, *raw.shape[1:3])


def test_a_turned_layers_gradient_is_turned_with_it(swins):
    net, x = swins[1], torch.rand(1, 3, 16, 24)
    kept = []
    handle = net.features[3][1].register_forward_hook(
        lambda m, i, out: kept.append(out.detach().requires_grad_()) or kept[0]
    )
    score = net(x)[:, 1].sum()
    handle.remove()
    (g,) = torch.autograd.grad(score, kept[0])
    f = kept[0].detach()
    expected = (g.mean((1, 2), keepdim=True) * f).sum(-1).relu()
    found = class_activation_map(net, x, 1, method="gradcam", layer="features.3.1", resize=False)
    torch.testing.assert_close(found, expected)


def test_automatic_layers_have_their_channels_first():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.act, self.mlp, self.inner = (
                nn.Conv2d(1, 8, 1), nn.GELU(), nn.Linear(8, 8), nn.GELU()
            )  # fmt: skip

        def forward(self, x):
            y = self.act(self.conv(x)).permute(0, 2, 3, 1)
            return (y + self.inner(self.mlp(y) + y)).permute(0, 3, 1, 2)

    assert feature_names(Both(), "auto", torch.rand(1, 1, 8, 8)) == ["act"]
