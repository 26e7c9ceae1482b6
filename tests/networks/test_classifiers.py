"""The six classifiers: their size, a step of each, maps of each against captum, and weights."""

import gc

import pytest
import torch
from captum.attr import LayerGradCam
from torch import nn
from torch.nn import functional

from segscope.explain import CAM_METHODS, class_activation_map
from segscope.explain.last_layer import last_layer
from segscope.networks import CLASSIFIERS, classifier, classifiers
from segscope.networks.classifiers import take_weights

# of Keras's applications: ImageNet classes, three channels, with the running statistics of norms
KERAS = {
    "xception": 22_910_480,
    "inceptionv3": 23_851_784,
    "resnet50v2": 25_613_800,
    "densenet121": 8_062_504,
    "mobilenetv2": 3_538_984,
    "nasnetmobile": 5_326_716,
}


def made(name, channels=1, classes=2, seed=0):
    torch.manual_seed(seed)
    return classifier(name, channels, classes)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_sizes_are_kerass_within_a_thousandth(name):
    with torch.device("meta"):
        net = classifier(name, 3, 1000)
    state = net.state_dict()
    count = sum(v.numel() for k, v in state.items() if not k.endswith("num_batches_tracked"))
    assert count == pytest.approx(KERAS[name], rel=1e-3)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_each_trains_a_step_and_gives_maps_by_every_method(name):
    net, x = made(name), torch.rand(2, 1, 64, 80)
    before = [p.detach().clone() for p in net.parameters()]
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    loss = functional.cross_entropy(net.train()(x), torch.tensor([0, 1]))
    loss.backward()
    optimizer.step()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())
    changed = [not torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True)]
    assert sum(changed) > 0.95 * len(changed)
    hooks = sum(len(m._forward_hooks) for m in net.modules())
    for method in CAM_METHODS:
        found = class_activation_map(net, x[0], 1, method=method)
        assert found.shape == (64, 80)
        assert torch.isfinite(found).all()
    assert sum(len(m._forward_hooks) for m in net.modules()) == hooks == 0


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_gradcam_equals_captums(name):
    net, x = made(name, seed=3).eval(), torch.randn(3, 1, 96, 96)
    layer = last_layer(net, x)
    own = [
        class_activation_map(net, x, target, method="gradcam", resize=False) for target in (0, 1)
    ]
    for module in net.modules():  # captum reads what a later layer may change in place
        if getattr(module, "inplace", False):
            module.inplace = False
    theirs = LayerGradCam(net, net.get_submodule(layer))
    for target, found in enumerate(own):
        expected = theirs.attribute(x, target=target, relu_attributions=True)[:, 0]
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert max(found.max() for found in own) > 0


def test_a_hundred_maps_leave_memory_flat_and_no_hook():
    net, x = made("mobilenetv2").eval(), torch.rand(1, 1, 32, 32)

    def alive():
        gc.collect()
        return sum(type(o) is torch.Tensor for o in gc.get_objects())

    class_activation_map(net, x, 1, method="gradcam")
    before = alive()
    for _ in range(100):
        class_activation_map(net, x, 1, method="gradcam")
    assert alive() <= before
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


@pytest.mark.parametrize("name", ["inceptionv3", "nasnetmobile", "mobilenetv2"])
def test_small_and_odd_sides_are_taken(name):
    net = made(name).eval()
    with torch.inference_mode():
        assert net(torch.zeros(2, 1, 33, 47)).shape == (2, 2)


TIMM = {
    "test_resnet": (32, 1, None),
    "test_convnext": (32, 1, None),
    "test_efficientnet": (32, 1, None),
    "test_vit": (1, 1, (160, 160)),
    "coatnet_pico_rw_224": (1, 1, (224, 224)),  # attention over places of one size of image
    "hrnet_w18_small": (32, 32, None),  # joins paths that halve differently
    "inception_resnet_v2": (96, 1, None),  # of timm's own minimum nothing is said
}


@pytest.mark.parametrize("name", TIMM)
def test_timm_models_take_any_size(name):
    if name == "inception_resnet_v2":  # only its sides: 54 million weights
        found = classifiers._sides_of(name)
        assert (found["smallest"], found["multiple"]) == TIMM[name][:2]
        return
    net = made(name, 1, 2).eval()
    assert (net.smallest, net.multiple, net.fixed) == TIMM[name]
    for shape in ((20, 31), (64, 56), (200, 192), (161, 97)):
        with torch.inference_mode():
            assert net(torch.zeros(1, 1, *shape)).shape == (1, 2)
    x = torch.rand(1, 1, *(net.fixed or (96, 64)))
    with torch.inference_mode():
        torch.testing.assert_close(net(x), net.body(x))  # what fits goes in as it is


def test_any_timm_model_by_name_and_near_names_are_offered():
    assert made("test_resnet", 2, 3).eval()(torch.zeros(1, 2, 32, 32)).shape == (1, 3)
    with pytest.raises(ValueError, match=r"unknown classifier 'resnet18\.magic'.*resnet18\.\w+"):
        classifier("resnet18.magic", 1, 2)
    with pytest.raises(ValueError, match="did you mean xception"):
        classifier("xceptoin", 1, 2)
    with pytest.raises(ValueError, match="classes at least 2"):
        classifier("xception", 1, 1)


def test_weights_of_rgb_images_give_the_same_scores_for_grey_ones():
    rgb, grey = made("mobilenetv2", 3, 2, seed=1).eval(), made("mobilenetv2", 1, 2).eval()
    notes = take_weights(grey, rgb.state_dict())
    assert len(notes) == 1
    x = torch.rand(2, 1, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(grey(x), rgb(x.expand(-1, 3, -1, -1)), atol=1e-5, rtol=1e-4)


def test_a_last_layer_for_other_classes_stays_random_and_other_networks_are_refused():
    net, other = made("mobilenetv2"), made("mobilenetv2", 1, 5, seed=1)
    last = [v.clone() for k, v in net.state_dict().items() if "output" in k]
    assert any("left random" in note for note in take_weights(net, other.state_dict()))
    now = net.state_dict()
    assert all(torch.equal(a, now[k]) for a, k in zip(last, [k for k in now if "output" in k],
                                                     strict=True))  # fmt: skip
    first = next(k for k in now if now[k].ndim == 4 and "init_block" not in k)
    assert torch.equal(now[first], other.state_dict()[first])
    with pytest.raises(ValueError, match="another network"):
        take_weights(net, nn.Linear(2, 2).state_dict())
    wrong = {k: (v[:1] if k == first else v) for k, v in other.state_dict().items()}
    with pytest.raises(ValueError, match="do not fit"):
        take_weights(net, wrong)


@pytest.mark.parametrize("name", ["resnet10", "densenet121"])
def test_classifiers_of_volumes_train_and_take_small_and_odd_sides(name):
    torch.manual_seed(0)
    net = classifier(name, 2, 3, spatial_dims=3)
    x = torch.rand(2, 2, 9, 12, 5)
    functional.cross_entropy(net(x), torch.tensor([0, 2])).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    assert net.eval()(x).shape == (2, 3)
    heat = class_activation_map(net, x, 1, method="gradcam")
    assert heat.shape == (2, 9, 12, 5)


def test_names_of_volumes_are_their_own():
    with pytest.raises(ValueError, match="of volumes 'xception', there are resnet10, resnet18"):
        classifier("xception", 1, 2, spatial_dims=3)
