"""Maps of networks as people have them: in place, frozen, of any type, with more outputs."""

import copy

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from segscope.explain import CAM_METHODS, class_activation_map, variance_of_gradients
from segscope.explain.last_layer import last_layer
from tests.twins import FUNCTIONS, Free, module_twins, twins

X = torch.linspace(-1, 2, 80).reshape(1, 8, 10)


@pytest.mark.parametrize("frozen", [False, True], ids=["to be trained", "frozen"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_maps_are_those_of_the_network_out_of_place(name, frozen):
    net, other = twins(name)
    net.requires_grad_(not frozen)
    for method in CAM_METHODS:
        for layer in ("c1", "c2"):
            found, expected = (
                class_activation_map(one, X, 1, method=method, layer=layer) for one in (net, other)
            )
            assert torch.equal(found, expected), (method, layer)
    assert all(p.requires_grad != frozen and p.grad is None for p in net.parameters())


@pytest.mark.parametrize("act", [nn.ReLU, nn.SiLU, nn.Hardswish])
def test_modules_in_place_change_no_map(act):
    net, other = module_twins(act)
    for method in ("gradcam", "gradcam++", "hirescam", "activation", "saliency"):
        for layer in ("0", "1", "4", "5", "6", None):
            found, expected = (
                class_activation_map(one, X, 1, method=method, layer=layer) for one in (net, other)
            )
            assert torch.equal(found, expected), (method, layer)
    assert all(getattr(m, "inplace", True) for m in net.modules())


def test_a_network_that_counts_on_its_shared_memory_is_explained_as_it_is():
    """The block before an activation in place is activated too: that is what the network does."""

    def shared(s, x):
        y = s.c1(x)
        z = functional.relu(y, inplace=True)
        return s.out(s.c2(z) + y)

    def plain(s, x):
        z = functional.relu(s.c1(x))
        return s.out(s.c2(z) + z)

    torch.manual_seed(0)
    net, other = Free(shared), Free(plain)
    other.load_state_dict(net.state_dict())
    for layer in ("c1", "c2"):
        maps = [class_activation_map(n, X, 1, method="gradcam", layer=layer) for n in (net, other)]
        torch.testing.assert_close(*maps)


class Turn(nn.Module):
    """Hands on a view of what it is given."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1)


@pytest.mark.parametrize("method", ["gradcam", "gradcam++", "hirescam", "activation"])
def test_a_view_that_is_written_over_is_read_as_it_was(method):
    def written(s, x):
        y = s.turn(s.c1(x))
        y += 1
        y[..., :2].mul_(3)
        return s.out(y.permute(0, 3, 1, 2))

    def plain(s, x):
        y = s.turn(s.c1(x)) + 1
        return s.out(torch.cat([y[..., :2] * 3, y[..., 2:]], -1).permute(0, 3, 1, 2))

    torch.manual_seed(0)
    net, other = Free(written), Free(plain)
    other.load_state_dict(net.state_dict())
    net.turn = other.turn = Turn()
    for one in (net, other):
        one.requires_grad_(False)
    found, expected = (
        class_activation_map(one, X, 1, method=method, layer="turn") for one in (net, other)
    )
    torch.testing.assert_close(found, expected)


def classifier(dtype=torch.float32):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2),
    ).eval().to(dtype)  # fmt: skip


@pytest.mark.parametrize("method", CAM_METHODS)
def test_every_number_type_gives_the_map_of_single_precision(method):
    plain = class_activation_map(classifier(), X, 1, method=method)
    for dtype, near in ((torch.float64, 1e-5), (torch.bfloat16, 0.1), (torch.float16, 0.02)):
        found = class_activation_map(classifier(dtype), X, 1, method=method)
        assert found.dtype == torch.float32
        assert (found - plain).abs().max() <= near * plain.max()
    mixed = classifier(torch.bfloat16)
    mixed[1].float()
    found = class_activation_map(mixed, X.double(), 1, method=method)
    assert (found - plain).abs().max() <= 0.1 * plain.max()


class Several(nn.Module):
    """A backbone, a head, and another for training whose layers run last."""

    def __init__(self, answer):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(inplace=True))
        self.head = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 1))
        self.aux = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 1))
        self.answer = answer

    def forward(self, x):
        y = self.body(x)
        return self.answer(self.head(y), self.aux(y))


@pytest.mark.parametrize(
    "answer",
    [
        lambda y, a: {"aux": a, "out": y},
        lambda y, a: (y, a),
        lambda y, a: [y, a],
        lambda y, a: torchvision.models.GoogLeNetOutputs(y, a, None),
    ],
    ids=["dict", "tuple", "list", "named tuple"],
)
def test_the_default_layer_leads_to_the_score(answer):
    torch.manual_seed(0)
    net = Several(answer).requires_grad_(False)
    assert last_layer(net, X[None]) == "head.1"
    found = class_activation_map(net, X, 1, method="gradcam")
    alone = nn.Sequential(net.body, net.head)
    expected = class_activation_map(alone, X, 1, method="gradcam", layer=net.head[1])
    assert torch.equal(found, expected)
    for layer in ("aux.1", net.aux[0]):
        with pytest.raises(ValueError, match=r"layer aux\.[01]: the score does not depend on it"):
            class_activation_map(net, X, 1, method="gradcam", layer=layer)


def test_a_classifiers_auxiliary_head_does_not_count():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.aux = classifier()[:3], nn.Conv2d(4, 3, 1)
            self.fc = nn.Linear(4, 2)

        def forward(self, x):
            y = self.body(x)
            return self.fc(y.mean((2, 3))), self.aux(y).mean((2, 3))

    assert last_layer(Two(), X[None]) == "body"


def test_torchvisions_auxiliary_heads():
    net = torchvision.models.segmentation.fcn_resnet50(
        weights=None, weights_backbone=None, num_classes=2, aux_loss=True
    )
    x = torch.rand(3, 32, 32)
    assert last_layer(net, x[None]) == "classifier.2"
    assert class_activation_map(net, x, 1, method="gradcam").shape == (32, 32)
    with pytest.raises(ValueError, match=r"layer aux_classifier\.2: the score does not depend"):
        class_activation_map(net, x, 1, method="gradcam", layer="aux_classifier.2")


def test_a_part_without_a_graph_is_read_at_its_end():
    class Fixed(nn.Module):
        def __init__(self, context):
            super().__init__()
            self.net, self.context = classifier(), context

        def forward(self, x):
            with self.context():
                y = self.net[:3](x)
            return self.net[3:](y)

    fixed, free = Fixed(torch.no_grad), Fixed(torch.enable_grad)
    maps = [class_activation_map(n, X, 1, method="gradcam", layer="net.2") for n in (fixed, free)]
    assert torch.equal(*maps)
    with pytest.raises(ValueError, match=r"layer net\.0: the score does not depend"):
        class_activation_map(fixed, X, 1, method="gradcam", layer="net.0")
    with pytest.raises(ValueError, match="the score does not depend on the image"):
        class_activation_map(fixed, X, 1, method="saliency")


class Reused(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.r, self.out = (
            nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(4, 2, 1),
        )  # fmt: skip

    def forward(self, x):
        return self.out(self.r(self.b(self.r(self.a(x)))))


def test_runs_of_a_module_are_named_as_in_the_audit():
    torch.manual_seed(0)
    net = Reused()
    other = nn.Sequential(net.a, nn.ReLU(), net.b, nn.ReLU(), net.out)
    for layer, same in (("r#1", "1"), ("r#2", "3"), ("r", "3"), (net.r, "3"), (None, None)):
        found = class_activation_map(net, X, 1, method="gradcam", layer=layer)
        assert torch.equal(found, class_activation_map(other, X, 1, method="gradcam", layer=same))
    with pytest.raises(ValueError, match="layer r#3: does not run on this image"):
        class_activation_map(net, X, 1, method="gradcam", layer="r#3")
    with pytest.raises(ValueError, match="this ReLU is no layer of the network"):
        class_activation_map(net, X, 1, method="gradcam", layer=nn.ReLU())


@pytest.mark.parametrize("method", CAM_METHODS)
def test_a_training_network_is_left_as_it_was(method):
    net = classifier().train()
    net.insert(3, nn.Dropout(0.5))
    net[1].eval()
    state = copy.deepcopy(net.state_dict())
    x, random = X.clone(), torch.get_rng_state()
    modes = [module.training for module in net.modules()]
    quiet = class_activation_map(net.eval(), x, 1, method=method)
    for module, mode in zip(net.modules(), modes, strict=True):
        module.training = mode
    assert torch.equal(class_activation_map(net, x, 1, method=method), quiet)
    last_layer(net, x[None])
    with pytest.raises(ValueError, match=r"target 7|no 'none'"):
        class_activation_map(
            net, x, 7, method=method, layer="none" if method == "activation" else None
        )
    assert [module.training for module in net.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random)
    assert all(
        torch.equal(a, b) for a, b in zip(state.values(), net.state_dict().values(), strict=True)
    )
    assert torch.equal(x, X)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


def test_wrong_images_and_scores_are_said():
    net = classifier()
    for image, said in (
        (torch.full((1, 8, 8), float("nan")), "not finite"),
        (torch.zeros(3, 8, 8), r"fails on an image of shape \(1, 3, 8, 8\)"),
    ):
        with pytest.raises(ValueError, match=said):
            class_activation_map(net, image, 1, method="gradcam", layer="2")
    with pytest.raises(ValueError, match="its score must be a tensor"):
        class_activation_map(net, X, lambda y: 1.0, method="gradcam")
    with pytest.raises(ValueError, match="the score does not depend"):
        class_activation_map(net, X, lambda y: y.argmax(1).float(), method="gradcam")


def test_maps_within_inference_mode_too():
    net = classifier()
    expected = class_activation_map(net, X, 1, method="gradcam")
    with torch.inference_mode():
        assert torch.equal(class_activation_map(net, X, 1, method="gradcam"), expected)
        assert torch.equal(class_activation_map(net, X * 1, 1, method="gradcam"), expected)


def test_the_variance_of_gradients_of_frozen_networks_that_write_over_their_image():
    found = []
    for which in (0, 1):
        nets = [twins("image")[which] for _ in range(2)]
        with torch.no_grad():
            nets[1].c1.weight.mul_(2)
        for net in nets:
            net.train().requires_grad_(False)
        found.append(variance_of_gradients(nets, X[None]))
        assert all(net.training for net in nets)
    assert found[0] == found[1] > 0


class SharedHead(nn.Module):
    """One head makes the answer first and an auxiliary output after it."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(1, 4, 3, padding=1)
        self.b = nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1))

    def forward(self, x):
        early = self.a(x)
        return {"out": self.head(self.b(early)), "aux": self.head(early)}


@pytest.mark.parametrize("method", ["gradcam", "activation"])
def test_the_default_layer_is_the_run_that_made_the_answer(method):
    torch.manual_seed(0)
    net, x = SharedHead(), torch.randn(1, 8, 8)
    assert last_layer(net, x[None]) == "head.1#1"
    alone = nn.Sequential(net.a, net.b, *net.head)
    expected = class_activation_map(alone, x, 1, method=method, layer="3")
    torch.testing.assert_close(class_activation_map(net, x, 1, method=method), expected)


class Parts(nn.Module):
    """An in-place module on views of one tensor, which autograd forbids."""

    def __init__(self, inplace):
        super().__init__()
        self.c, self.r, self.o = nn.Conv2d(1, 4, 3), nn.ReLU(inplace=inplace), nn.Conv2d(4, 2, 1)

    def forward(self, x):
        return self.o(torch.cat([self.r(part) for part in self.c(x).chunk(2, 1)], 1))


def hooked(inplace):
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(inplace=inplace), nn.Conv2d(4, 2, 1))
    net[0].register_full_backward_hook(lambda module, given, taken: None)
    return net


@pytest.mark.parametrize("make", [Parts, hooked], ids=["parts", "hooked"])
def test_modules_that_may_not_work_in_place_do_so_out_of_place(make):
    pair = []
    for inplace in (True, False):
        torch.manual_seed(0)
        pair.append(make(inplace))
    x, layer = torch.randn(1, 8, 8), "c" if make is Parts else "0"
    for method in ("gradcam", "saliency"):
        ours, expected = (class_activation_map(n, x, 1, method=method, layer=layer) for n in pair)
        torch.testing.assert_close(ours, expected)
    assert any(getattr(module, "inplace", False) for module in pair[0].modules())


def test_a_network_that_is_computed_anew_within_its_gradient_is_said():
    class Anew(nn.Module):
        def __init__(self):
            super().__init__()
            self.c, self.o = nn.Conv2d(1, 2, 1), nn.Conv2d(2, 2, 1)

        def forward(self, x):
            return torch.utils.checkpoint.checkpoint(self.o, self.c(x), use_reentrant=True)

    with pytest.raises(ValueError, match="use_reentrant=False"):
        class_activation_map(Anew(), torch.rand(1, 4, 4), 1, method="gradcam", layer="c")


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
@pytest.mark.parametrize("frozen", [False, True], ids=["script", "frozen"])
def test_scripts_within_a_network_hide_their_layers_only(frozen):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU()).eval()
    net.append(nn.Conv2d(4, 2, 1))
    inside = torch.jit.script(net[:2].eval())
    partly = nn.Sequential(torch.jit.freeze(inside) if frozen else inside, *net[2:]).eval()
    x = torch.randn(1, 8, 8)
    expected = class_activation_map(net, x, 1, method="gradcam")
    torch.testing.assert_close(class_activation_map(partly, x, 1, method="gradcam"), expected)
    with pytest.raises(ValueError, match="layer 0: is a script"):
        class_activation_map(partly, x, 1, method="gradcam", layer="0")
    whole = torch.jit.freeze(inside) if frozen else inside
    with pytest.raises(ValueError, match="the network is a script"):
        class_activation_map(whole, x, 1, method="gradcam")


def test_networks_without_numbers_are_said():
    with pytest.raises(ValueError, match="device meta"):
        class_activation_map(nn.Conv2d(1, 2, 1, device="meta"), torch.rand(1, 4, 4), 1,
                             method="saliency")  # fmt: skip
