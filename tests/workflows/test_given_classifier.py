"""Classifiers that others have trained: maps by hand, names from weights, refusals in one line."""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image as Picture
from torch import nn
from torch.nn import functional

from segscope.data import read_image, read_label, write_image
from segscope.errors import InputError
from segscope.explain import to_levels
from segscope.images import Grid, Image
from segscope.networks.timm_library import import_timm
from segscope.workflows.cam import CamOptions, cam
from segscope.workflows.classifier_cam import find_class
from segscope.workflows.given_classifier import open_classifier

# its one feature is twice the image less one: what the map of class 1 shows, turned for class 0
MINE = """
import torch
from torch import nn

def make(dims={dims}):
    conv = (nn.Conv2d, nn.Conv3d)[dims - 2](1, 1, 1)
    net = nn.Sequential(conv, (nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[dims - 2](1),
                        nn.Flatten(), nn.Linear(1, 2))
    with torch.no_grad():
        conv.weight.fill_(2.0), conv.bias.fill_(-1.0)
        net[3].weight.copy_(torch.tensor([[-1.0], [1.0]]))
    return net
"""


@pytest.fixture
def mine(tmp_path):
    """A user's file, under a name that no other test has imported."""

    def write(dims):
        file = tmp_path / f"mine_{tmp_path.name.replace('-', '_')}_{dims}.py"
        file.write_text(MINE.format(dims=dims))
        sides = [4, 6] if dims == 2 else [4, 6, 5]
        (tmp_path / "how.yaml").write_text(f"size: {sides}\nclasses: [dark, bright]\n")
        return f"{file}:make"

    yield write
    for name in [name for name in sys.modules if name.startswith("mine_")]:
        del sys.modules[name]


@pytest.fixture
def photo(tmp_path):
    array = np.random.default_rng(0).integers(0, 255, (3, 48, 64), dtype=np.uint8)
    (tmp_path / "photos").mkdir()
    Picture.fromarray(array.transpose(1, 2, 0)).save(tmp_path / "photos" / "a.png")
    return array


def options(**more):
    return CamOptions(device="cpu", method="gradcam_signed", **more)


def test_a_users_own_plane_network_shows_its_one_feature(tmp_path, mine):
    grey = np.random.default_rng(1).integers(0, 255, (1, 4, 6), dtype=np.uint8)
    (tmp_path / "in").mkdir()
    write_image(tmp_path / "in" / "g.png", Image(grey, Grid.from_spacing((4, 6))))
    how = {"model": mine(2), "prepare": tmp_path / "how.yaml", "layer": "0"}
    for name, sign in (("bright", 1), ("dark", -1)):
        cam(None, tmp_path / "in", tmp_path / name, options(of=name, **how))
        found = read_label(tmp_path / name / "heatmaps" / "g.png").array
        np.testing.assert_array_equal(found, to_levels(sign * grey[0].astype(float)))


def test_a_volumes_map_lies_on_its_own_grid(tmp_path, mine):
    """Axes exchanged and turned round: the map is the file's voxels all the same."""
    affine = [[0, -2.0, 0, 30], [3.0, 0, 0, -10], [0, 0, -1.5, 8], [0, 0, 0, 1]]
    values = np.random.default_rng(2).random((6, 4, 5)).astype(np.float32)
    (tmp_path / "in").mkdir()
    write_image(tmp_path / "in" / "v.nii.gz", Image(values[None], Grid((6, 4, 5), affine)))
    asked = options(model=mine(3), prepare=tmp_path / "how.yaml", layer="body.0", of="bright")
    cam(None, tmp_path / "in", tmp_path / "out", asked)
    found = read_image(tmp_path / "out" / "heatmaps" / "v.nii.gz")
    assert found.grid.matches(Grid((6, 4, 5), affine))
    np.testing.assert_array_equal(found.array[0], to_levels(values))
    by_parts = options(model=mine(3), prepare=tmp_path / "how.yaml", threshold="image-level")
    cam(None, tmp_path / "in", tmp_path / "parts", by_parts)
    assert (tmp_path / "parts" / "pictures" / "v.png").is_file()


def test_timms_network_is_shown_what_it_was_trained_on(tmp_path, photo):
    """Against an own preparation by its published mean and deviation, and an own gradient."""
    timm = import_timm()
    torch.manual_seed(0)
    net = timm.create_model("mobilenetv3_small_050", pretrained=False).eval()
    torch.save(net.state_dict(), tmp_path / "w.pt")
    text = f"timm:mobilenetv3_small_050,{tmp_path / 'w.pt'}"
    how = {"of": "African elephant", "layer": "conv_head", "model": text}
    found = cam(None, tmp_path / "photos", tmp_path / "out", options(**how))
    assert found.rows[0].label == "African elephant, Loxodonta africana"
    facts = json.loads((tmp_path / "out" / "cam.json").read_text())
    assert facts["network"] == text

    x = torch.from_numpy(photo.astype(np.float32) / 255)[None]
    x = functional.interpolate(x, (224, 224), mode="bilinear", antialias=True)
    mean, sd = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    kept = []
    net.conv_head.register_forward_hook(lambda _, __, out: kept.append(out))
    score = net((x - mean[:, None, None]) / sd[:, None, None])[0, 386]
    (slope,) = torch.autograd.grad(score, kept[0])
    heat = (slope.mean((2, 3), keepdim=True) * kept[0]).sum(1)[:, None]
    heat = functional.interpolate(heat, (224, 224), mode="bilinear", align_corners=False)
    heat = functional.interpolate(heat, (48, 64), mode="bilinear", align_corners=False)
    levels = read_label(tmp_path / "out" / "heatmaps" / "a.png").array.astype(int)
    assert np.abs(levels - to_levels(heat[0, 0].detach().numpy())).max() <= 1


def test_torchvisions_classes_and_sides_are_its_weights(tmp_path, photo):
    models = pytest.importorskip("torchvision.models")
    net = models.mobilenet_v3_small(weights=None)
    torch.save(net.state_dict(), tmp_path / "w.pt")
    name = f"torchvision:mobilenet_v3_small,{tmp_path / 'w.pt'}"
    model = open_classifier(name, tmp_path / "photos", device="cpu")
    assert model.spec.size == (224, 224)
    assert model.spec.classes[386] == "African elephant"
    assert model.net.mean.tolist() == pytest.approx([0.485, 0.456, 0.406])
    assert find_class(model.spec.classes, "tench") == "tench"


def test_a_grey_image_is_shown_in_every_channel(tmp_path):
    from segscope.workflows.given_classifier import GivenClassifier

    body = nn.Sequential(nn.Conv2d(3, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    net = GivenClassifier(body, mean=[0.5, 0.25, 0.0], sd=[1.0, 2.0, 4.0], channels=3)
    x = torch.rand(1, 1, 5, 5)
    seen = torch.cat([(x - 0.5) / 1, (x - 0.25) / 2, x / 4], 1)
    torch.testing.assert_close(net(x), body(seen))


def test_classes_are_found_by_name_number_or_one_of_their_names():
    classes = ["crane (0)", "tench, Tinca tinca", "crane, Grus", "crane, hoist"]
    assert find_class(classes, "crane (0)") == "crane (0)"
    assert find_class(classes, "1") == "tench, Tinca tinca"
    assert find_class(classes, "TINCA TINCA") == "tench, Tinca tinca"
    with pytest.raises(InputError, match="--class crane: there are 'crane, Grus', 'crane, hoist'"):
        find_class(classes, "crane")
    with pytest.raises(InputError, match="or predicted"):
        find_class(classes, "9")


def test_what_cannot_be_opened_is_one_line(tmp_path, mine, photo):
    name, photos, how = mine(2), tmp_path / "photos", tmp_path / "how.yaml"
    faults = {
        (name, None): "does not say how its images are prepared",
        (name, how): "takes 1 channels, the images have 3",
        ("nothing.py:make", how): "no such file; check the path",
        (f"{name},nothing.pt", how): "no such file",
        ("timm:nonet", None): "timm:nonet: cannot be opened",
        (f"timm:mobilenetv3_small_050,{tmp_path / 'no.pt'}", None): "no such file; check the path",
    }
    for (text, prepare), said in faults.items():
        with pytest.raises(InputError, match=said):
            open_classifier(text, photos, prepare=prepare, device="cpu")
    how.write_text("size: [4]\nmeen: 1\n")
    with pytest.raises(InputError, match="is not usable; keys are size, mean, sd, classes"):
        open_classifier(name, photos, prepare=how, device="cpu")


def test_a_run_or_a_classifier_is_named_not_both(tmp_path):
    for run, asked in ((None, {}), (tmp_path, {"model": "timm:resnet10t"})):
        with pytest.raises(InputError, match="name the folder of a run, or a trained classifier"):
            cam(run, tmp_path, tmp_path / "out", CamOptions(**asked))
