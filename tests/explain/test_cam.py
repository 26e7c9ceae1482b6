"""Class activation maps against literal gradients and captum, and nothing left behind."""

import gc

import pytest
import torch
from captum.attr import LayerGradCam
from monai.visualize import GradCAMpp
from torch import nn
from torch.nn import functional

from segscope.errors import InputError
from segscope.explain import CAM_METHODS, class_activation_map
from segscope.networks import ANUNet, UNet
from tests.explain.cam_networks import classifier
from tests.packages import install


def gradients(net, x, target):
    """Features of the last layer with a map, and the score's gradient to them."""
    f = net[:5](x).detach().requires_grad_()
    (g,) = torch.autograd.grad(net[5:](f)[:, target].sum(), f)
    return f.detach(), g


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("target", [0, 2])
def test_maps_equal_their_formulas(dims, target):
    net, x = classifier(dims).eval(), torch.rand(2, 2, *(8,) * dims)
    f, g = gradients(net, x, target)
    s = tuple(range(2, f.ndim))
    alpha = g**2 / (2 * g**2 + f.sum(s, keepdim=True) * g**3)
    expected = {
        "activation": f.mean(1),
        "gradcam": (g.mean(s, keepdim=True) * f).sum(1).relu(),
        "hirescam": (g * f).sum(1).relu(),
        "gradcam_signed": (g.mean(s, keepdim=True) * f).sum(1),
        "hirescam_signed": (g * f).sum(1),
        "gradcam++": ((alpha.nan_to_num() * g.relu()).sum(s, keepdim=True) * f).sum(1).relu(),
    }
    for method, plain in expected.items():
        found = class_activation_map(net, x, target, method=method, resize=False)
        torch.testing.assert_close(found, plain, atol=1e-6, rtol=1e-4)
        large = class_activation_map(net, x, target, method=method)
        mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[dims]
        torch.testing.assert_close(
            large, functional.interpolate(plain[:, None], (8,) * dims, mode=mode)[:, 0],
            atol=1e-6, rtol=1e-4,
        )  # fmt: skip


def literal_gradcam_plus_plus(f, g):
    """Equation 19 with its sums written out, of one image: f and g are (K, rows, columns)."""
    heat = torch.zeros(f.shape[1:], dtype=torch.float64)
    for k in range(len(f)):
        weight = 0.0
        for i in range(f.shape[1]):
            for j in range(f.shape[2]):
                once = float(g[k, i, j])
                total = sum(
                    float(f[k, a, b]) * once**3
                    for a in range(f.shape[1])
                    for b in range(f.shape[2])
                )
                below = 2 * once**2 + total
                weight += (once**2 / below if below else 0.0) * max(once, 0.0)
        heat += weight * f[k].double()
    return heat.clamp(min=0)


def test_gradcam_plus_plus_is_equation_19_and_not_monais():
    torch.manual_seed(3)
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 2, 3, padding=1), nn.Tanh(),
        nn.Flatten(), nn.Linear(40, 2),
    ).eval()  # fmt: skip
    x = torch.rand(1, 1, 4, 5)
    f = net[:2](x).detach().requires_grad_()
    (g,) = torch.autograd.grad(net[2:](f)[:, 1].sum(), f)
    found = class_activation_map(net, x, 1, method="gradcam++", layer="1", resize=False)[0]
    expected = literal_gradcam_plus_plus(f.detach()[0], g[0])
    torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=1e-5)
    # MONAI has the gradients of all places in the sum
    theirs = GradCAMpp(nn_module=net, target_layers="1").compute_map(x, class_idx=1)[0, 0]
    assert (theirs / theirs.max() - found / found.max()).abs().max() > 0.01


def test_gradcam_equals_captums():
    net, x = classifier().eval(), torch.rand(2, 2, 8, 8)
    theirs = LayerGradCam(net, net[4]).attribute(x, target=1, relu_attributions=True)
    found = class_activation_map(net, x, 1, method="gradcam", resize=False)
    torch.testing.assert_close(found, theirs[:, 0], atol=1e-5, rtol=0)


def test_signed_gradcam_is_the_printed_one_and_captums_default():
    net, x = classifier().eval(), torch.rand(2, 2, 8, 8)
    for target in (0, 1, 2):
        theirs = LayerGradCam(net, net[4]).attribute(x, target=target)[:, 0]
        found = class_activation_map(net, x, target, method="gradcam", signed=True, resize=False)
        torch.testing.assert_close(found, theirs, atol=1e-5, rtol=0)
        if (found < 0).any():
            break
    else:
        pytest.fail("no map has a negative value, so nothing was tested")


@pytest.mark.parametrize("method", ["gradcam++", "saliency", "activation", "saliency_signed"])
def test_only_what_has_a_relu_to_leave_out_has_a_signed_form(method):
    with pytest.raises(ValueError, match="signed maps are of gradcam and hirescam"):
        class_activation_map(classifier(), torch.rand(2, 8, 8), 1, method=method, signed=True)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("method", CAM_METHODS)
def test_segmentation_networks_give_maps_of_the_images_shape(dims, method):
    torch.manual_seed(0)
    net = UNet(dims, 1, 3, widths=(3, 4))
    image = torch.rand(1, *(8,) * dims)
    assert class_activation_map(net, image, 2, method=method).shape == (8,) * dims


def test_the_score_of_a_segmentation_is_taken_over_its_region():
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Conv2d(2, 2, 1))
    with torch.no_grad():
        net[0].weight[:] = torch.tensor([1.0, 0.0]).view(2, 1, 1, 1)
        net[0].bias[:] = 0
        net[2].weight[:] = torch.tensor([[0.0, 0.0], [4.0, 0.0]]).view(2, 2, 1, 1)
        net[2].bias[:] = torch.tensor([1.0, 0.0])
    image = torch.zeros(1, 6, 6)
    image[0, :2] = 1.0
    image[0, 5] = 0.1  # 0.4 is less than the background's 1: not predicted
    found = class_activation_map(net, image, 1, method="hirescam")
    assert (found[:2] > 0).all()
    assert (found[2:] == 0).all()


def test_everything_is_as_before_also_after_an_error():
    net = ANUNet(2, 1, 2, widths=(3, 4)).train()
    next(net.parameters()).requires_grad_(False)

    def state():
        return (
            [m.training for m in net.modules()],
            [p.requires_grad for p in net.parameters()],
            [getattr(m, "inplace", None) for m in net.modules()],
            sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules()),
            [p.grad is None for p in net.parameters()],
        )

    before = state()
    class_activation_map(net, torch.rand(1, 8, 8), 1, method="gradcam")
    assert state() == before
    for wrong in ({"target": 5}, {"layer": "nothing"}, {"method": "magic"}):
        options = {"target": 1, "method": "gradcam"} | wrong
        target = options.pop("target")
        with pytest.raises(ValueError, match=r"target 5|no 'nothing'|method must be"):
            class_activation_map(net, torch.rand(1, 8, 8), target, **options)
        assert state() == before


def test_a_hundred_maps_leave_no_tensor_behind():
    net, x = classifier().eval(), torch.rand(1, 2, 8, 8)

    def alive():
        gc.collect()
        return sum(type(o) is torch.Tensor for o in gc.get_objects())

    class_activation_map(net, x, 1, method="gradcam")
    before = alive()
    for _ in range(100):
        class_activation_map(net, x, 1, method="gradcam")
    assert alive() <= before


def test_a_target_may_be_a_function():
    net, x = classifier().eval(), torch.rand(1, 2, 8, 8)
    by_name = class_activation_map(net, x, 2, method="gradcam")
    by_function = class_activation_map(net, x, lambda y: y[:, 2], method="gradcam")
    torch.testing.assert_close(by_name, by_function)


OWN = """
    import torch
    from segscope.explain import CamMethod, by_layer, class_score

    SIZE = CamMethod(by_layer(lambda f, g: f.square().sum(1)))
    FLAT = CamMethod(lambda net, x, target, layer: x.mean((1, 2, 3)))
    WHOLE = CamMethod(lambda net, x, target, layer: x[:, 0].long())
    UNDEFINED = CamMethod(lambda net, x, target, layer: x[:, 0] / 0)
    NUMBER = CamMethod(lambda net, x, target, layer: 1.0)
    FAILING = CamMethod(lambda net, x, target, layer: net.layer4)

    def function(net, x, target, layer):
        return x[:, 0]
"""


@pytest.fixture
def own_methods(tmp_path, monkeypatch):
    names = ("SIZE", "FLAT", "WHOLE", "UNDEFINED", "NUMBER", "FAILING", "function")
    entries = {f"segscope.cam_methods:{name.lower()}": name for name in names}
    install(tmp_path, "own-methods", OWN, entries)
    monkeypatch.syspath_prepend(str(tmp_path))


def two_layers():
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3, stride=2, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(2, 2, 1)
    )


def test_a_method_of_a_package_is_given_features_and_its_map_is_enlarged(own_methods):
    net = two_layers()
    x = torch.rand(1, 1, 8, 6)
    small = class_activation_map(net, x, 1, method="size", layer="0", resize=False)
    assert torch.allclose(small, net[0](x).square().sum(1))
    assert class_activation_map(net, x, 1, method="size", layer="0").shape == (1, 8, 6)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("flat", r"shape \(1,\) for images \(1, 1, 8, 6\); floating point \(N, \*s\) is expected"),
        ("whole", r"returns torch.int64 of shape \(1, 8, 6\)"),
        ("undefined", "returns a map with NaN or infinities"),
        ("number", r"returns a float, a tensor \(N, \*s\) is expected"),
        ("failing", r"failed \(AttributeError"),
        ("function", "is the function function, where a segscope.explain.CamMethod is expected"),
    ],
)
def test_what_is_no_method_is_told_with_its_package(own_methods, name, said):
    with pytest.raises(InputError, match=rf"method '{name}' of own-methods==1.2 .*{said}"):
        class_activation_map(two_layers(), torch.rand(1, 1, 8, 6), 1, method=name)
