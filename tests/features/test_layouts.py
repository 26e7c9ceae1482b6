"""Maps with their channels last are turned, where it is certain which axis holds them."""

import pytest
import timm
import torch
from torch import nn
from torch.nn import functional
from torchvision.models.swin_transformer import SwinTransformer

from segscope.explain import class_activation_map
from segscope.explain.last_layer import last_layer
from segscope.features import FeatureHooks, feature_names


def read(net, layer, x):
    """What is read of a layer, and what it gave."""
    given = []
    handle = net.get_submodule(layer).register_forward_hook(lambda m, i, out: given.append(out))
    try:
        with torch.no_grad(), FeatureHooks(net.eval(), [layer]) as hooks:
            net(x)
    finally:
        handle.remove()
    raw = given[-1][0] if isinstance(given[-1], tuple) else given[-1]
    return hooks.features[layer], raw


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
        timm.create_model(
            "swin_tiny_patch4_window7_224", pretrained=False, num_classes=2, window_size=7, **ours
        ).eval(),
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


class Planes(nn.Module):
    """Convolution, then a function of its map."""

    def __init__(self, change):
        super().__init__()
        self.conv, self.at, self.change = nn.Conv2d(1, 8, 1), nn.Identity(), change

    def forward(self, x):
        return self.at(self.change(self.conv(x)))


def test_sums_views_and_windows_keep_track_of_axes():
    x = torch.rand(1, 1, 8, 8)  # as many channels as rows and columns
    last = {
        "permuted": lambda y: y.permute(0, 2, 3, 1) + 1,
        "moved": lambda y: y.movedim(1, -1) * y.permute(0, 2, 3, 1),
        "tokens": lambda y: y.flatten(2).transpose(1, 2).reshape(1, 8, 8, 8),
        "normed": lambda y: functional.layer_norm(y.permute(0, 2, 3, 1), (8,)),
        "rolled": lambda y: y.permute(0, 2, 3, 1).roll((1, 1), (1, 2)),
        "padded": lambda y: functional.pad(y.permute(0, 2, 3, 1), (0, 0, 0, 2, 0, 2))[:, :8, :8],
        "windows": lambda y: (
            y.permute(0, 2, 3, 1).reshape(1, 2, 4, 2, 4, 8).permute(0, 1, 3, 2, 4, 5)
            .reshape(4, 16, 8).reshape(1, 2, 2, 4, 4, 8).permute(0, 1, 3, 2, 4, 5)
            .reshape(1, 8, 8, 8)
        ),
    }  # fmt: skip
    for name, change in last.items():
        found, raw = read(Planes(change), "at", x)
        assert torch.equal(found, raw.permute(0, 3, 1, 2)), name
    first = {
        "as it is": lambda y: y,
        "there and back": lambda y: functional.gelu(y.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
        "gated": lambda y: y * torch.sigmoid(y.mean((2, 3), keepdim=True)),
        "shuffled": lambda y: y.view(1, 2, 4, 8, 8).transpose(1, 2).reshape(1, 8, 8, 8),
        "joined": lambda y: torch.cat([y[:, :3], y[:, 3:]], 1),
        "attended": lambda y: (
            (y.flatten(2).transpose(1, 2) @ y.flatten(2)).softmax(-1)
            @ y.flatten(2).transpose(1, 2)
        ).transpose(1, 2).reshape(1, 8, 8, 8),
        "resized": lambda y: functional.interpolate(functional.max_pool2d(y, 2), scale_factor=2),
        "space to depth and back": lambda y: functional.pixel_shuffle(
            functional.pixel_unshuffle(y, 2), 2
        ),
    }  # fmt: skip
    for name, change in first.items():
        found, raw = read(Planes(change), "at", x)
        assert torch.equal(found, raw), name
    # rows and columns that have changed places are put back
    found, raw = read(Planes(lambda y: y.transpose(2, 3)), "at", x)
    assert torch.equal(found, raw.transpose(2, 3))


def test_what_is_mixed_up_is_refused():
    mix = nn.Linear(64, 64)
    for change in (
        lambda y: mix(y.flatten(2)).reshape(1, 8, 8, 8),  # over all places
        lambda y: y.flatten()[torch.randperm(512)].reshape(1, 8, 8, 8),
        lambda y: y.flatten(1).view(1, 64, 8, 1).expand(1, 64, 8, 8),
    ):
        with pytest.raises(ValueError, match="layer at: its output is no feature map"):
            read(Planes(change), "at", torch.rand(1, 1, 8, 8))


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


class Turned(nn.Module):
    """Sides swapped around a convolution, in place or as new tensors."""

    def __init__(self, way, in_place):
        super().__init__()
        self.way, self.in_place = way, in_place
        self.first = nn.Conv2d(1, 3, 3, padding=1)
        self.inner = nn.Conv2d(3, 4, 3, padding=1)
        self.head = nn.Conv2d(4, 1, 1)

    def turn(self, x):
        if self.way == "unsqueeze":
            if self.in_place:
                return x.unsqueeze_(2).transpose_(2, 4).squeeze_(4)
            return x.unsqueeze(2).transpose(2, 4).squeeze(4)
        return getattr(x, f"{self.way}_" if self.in_place else self.way)(2, 3)

    def forward(self, x):
        return self.head(self.turn(self.inner(self.turn(self.first(x)))))


@pytest.mark.parametrize("way", ["transpose", "swapaxes", "swapdims", "unsqueeze"])
@pytest.mark.parametrize("layers", ["auto", ["inner"]], ids=["automatic", "named"])
def test_axes_that_are_swapped_in_place_are_those_of_the_twin(way, layers):
    torch.manual_seed(0)
    twins = [Turned(way, in_place) for in_place in (True, False)]
    twins[1].load_state_dict(twins[0].state_dict())
    image = torch.rand(1, 1, 12, 8)
    found = []
    for net in twins:
        with torch.no_grad(), FeatureHooks(net, layers) as hooks:
            output = net(image)
        found.append({**hooks.features, "output": output})
    assert found[0].keys() == found[1].keys()
    for name, expected in found[1].items():
        torch.testing.assert_close(found[0][name], expected, rtol=0, atol=0)
    if layers != "auto":
        assert found[0]["inner"].shape == (1, 4, 12, 8)  # turned to the image's own axes
