"""Prediction: on the input's own grid, blended without seams, never over foreign files."""

import itertools
import json

import nibabel as nib
import numpy as np
import pytest
import torch
from torch import nn

from segscope.data import find_cases
from segscope.errors import InputError
from segscope.images import Case, Grid, Image
from segscope.inference import (
    ModelSpec,
    NetworkSpec,
    TrainedModel,
    choose_device,
    choose_level,
    load_model,
    parse_level,
    predict_cases,
    predict_labels,
    predict_prepared,
    predict_probabilities,
    prune_run,
    save_model,
)
from segscope.networks import build_network
from segscope.networks.blocks import Segmenter
from segscope.preprocessing import ChannelPlan, Plan
from tests.data.test_writers import affine_of, all_orders
from tests.synthetic import ball, write_volume_dataset

LABELS = {"background": 0, "ball": 1, "core": 2}


def spec_of(name="anunet", dims=3, patch=(16, 16, 16), out=3, **plan):
    values = {
        "image_dims": 3,
        "spatial_dims": dims,
        "orientation": "RAS",
        "slice_axis": 2 if dims == 2 else None,
        "channels": (ChannelPlan(name="MR"),),
    }
    return ModelSpec(
        network=NetworkSpec(
            name=name,
            spatial_dims=dims,
            in_channels=1,
            out_channels=out,
            options={"widths": [4, 6, 8], "norm": "instance"},
        ),
        plan=Plan(**(values | plan)),
        labels=LABELS if out > 1 else {"background": 0, "ball": 1},
        channel_names=("MR",),
        patch=patch,
        mirror_axes=tuple(range(dims)),
        file_ending=".nii.gz",
    )


def make(spec, seed=0):
    torch.manual_seed(seed)
    part = spec.network
    net = build_network(
        part.name, part.spatial_dims, part.in_channels, part.out_channels, **part.options
    )
    return TrainedModel(spec, net.eval())


@pytest.fixture
def run(tmp_path):
    model = make(spec_of())
    save_model(tmp_path / "run", model.spec, model.net)
    return tmp_path / "run"


class Brightness(Segmenter):
    """Foreground where the prepared image is bright: an answer known for every voxel."""

    def __init__(self, dims=3, multiple=1):
        super().__init__(dims, 1, 2, (1, 1), (multiple,))
        self.scale = nn.Parameter(torch.tensor(4.0))

    def forward(self, x):
        self._check(x)
        return torch.cat([torch.zeros_like(x), self.scale * (x - 0.5)], 1)


def bright(dims=3, patch=(16, 16, 16), multiple=1, **plan):
    spec = spec_of(dims=dims, patch=patch, **plan)
    return TrainedModel(
        spec.model_copy(update={"labels": {"background": 0, "ball": 1}}),
        Brightness(dims, multiple).eval(),
    )


@pytest.mark.parametrize("oblique", [0.0, 0.3])
def test_labels_lie_on_the_images_own_grid_in_every_orientation(oblique):
    image = ball((14, 12, 10), (8, 5, 4), 3)
    model = bright(multiple=4)
    for order, signs in all_orders():
        grid = Grid(image.shape, affine_of(order, signs, oblique))
        found = predict_labels(model, Image(image[None].astype(np.float32), grid))
        np.testing.assert_array_equal(found.array, image)
        assert found.grid is grid


@pytest.mark.parametrize("size", [(16, 16, 16), (18, 9, 5), (40, 33, 20)])
@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_windows_of_a_pointwise_network_leave_no_seam(size, overlap):
    model = bright(multiple=4)
    x = np.random.default_rng(0).normal(size=(1, *size)).astype(np.float32)
    expected = 1 / (1 + np.exp(-4 * (x[0] - 0.5)))
    found = predict_prepared(model, x, overlap=overlap)
    np.testing.assert_allclose(found[1], expected, atol=1e-5)
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)


def test_mirrored_copies_are_averaged():
    model = make(spec_of("unet"))
    x = np.random.default_rng(0).normal(size=(1, 16, 16, 16)).astype(np.float32)
    copies = []
    for flips in itertools.chain.from_iterable(
        itertools.combinations((1, 2, 3), n) for n in range(4)
    ):
        one = predict_prepared(model, np.ascontiguousarray(np.flip(x, flips)))
        copies.append(np.flip(one, flips))
    assert len(copies) == 8
    mirrored = predict_prepared(model, x, mirror=True)
    np.testing.assert_allclose(mirrored, np.mean(copies, 0), atol=1e-5)


def test_slices_of_a_volume_are_predicted_one_by_one():
    model = make(spec_of("unet", dims=2, patch=(16, 16)))
    x = np.random.default_rng(0).normal(size=(1, 16, 16, 20)).astype(np.float32)
    found = predict_prepared(model, x)
    with torch.inference_mode():
        expected = model.net(torch.from_numpy(x[..., 7].copy())[None]).softmax(1)[0].numpy()
    np.testing.assert_allclose(found[..., 7], expected, atol=1e-5)


def test_a_sigmoid_network_gives_one_channel():
    model = make(spec_of(out=1))
    grid = Grid((16, 16, 16), np.eye(4))
    image = Image(np.random.default_rng(0).normal(size=(1, 16, 16, 16)), grid)
    assert predict_probabilities(model, image).array.shape == (1, 16, 16, 16)
    assert set(np.unique(predict_labels(model, image).array)) <= {0, 1}


def test_a_model_survives_its_folder(run):
    a, b = make(spec_of()), load_model(run)
    assert a.spec == b.spec
    x = np.random.default_rng(0).normal(size=(1, 16, 16, 16)).astype(np.float32)
    np.testing.assert_array_equal(predict_prepared(a, x), predict_prepared(b, x))


@pytest.mark.parametrize("level", [1, 2])
def test_a_pruned_run_predicts_what_the_level_predicts(run, tmp_path, level):
    folder = write_volume_dataset(tmp_path / "data", cases=2)
    cases = find_cases(folder, channels=1)
    labelled = [
        Case(c.name, c.image_files, folder / "labelsTr" / f"{c.name}.nii.gz") for c in cases
    ]
    pruned = prune_run(run, tmp_path / "small", cases=labelled, level=level)
    assert pruned.level == level
    x = np.random.default_rng(0).normal(size=(1, 16, 16, 16)).astype(np.float32)
    small, full = load_model(tmp_path / "small"), load_model(run, level=level)
    np.testing.assert_array_equal(predict_prepared(small, x), predict_prepared(full, x))
    assert [row.level for row in pruned.rows] == [1, 2]
    assert pruned.rows[0].parameters < pruned.rows[1].parameters
    assert json.loads((tmp_path / "small" / "prune.json").read_text())["kept_level"] == level
    assert choose_level(pruned.rows, 1.0) == 1


def test_levels_that_are_not_there_are_named(run, tmp_path):
    with pytest.raises(InputError, match="L1 to L2"):
        load_model(run, level=4)
    plain = make(spec_of("unet"))
    save_model(tmp_path / "plain", plain.spec, plain.net)
    with pytest.raises(InputError, match="has no levels"):
        load_model(tmp_path / "plain", level=1)
    with pytest.raises(InputError, match="expected L1"):
        parse_level("deep")


def test_what_is_no_run_is_named(run, tmp_path):
    with pytest.raises(InputError, match=r"no model\.json"):
        load_model(tmp_path)
    with pytest.raises(InputError, match="there are best"):
        load_model(run, weights="last")
    (run / "weights_last.safetensors").write_bytes(
        (run / "weights_best.safetensors").read_bytes()[:-100]
    )
    with pytest.raises(InputError, match="damaged"):
        load_model(run, weights="last")
    other = make(spec_of("unet"))
    save_model(tmp_path / "other", other.spec, other.net)
    (run / "model.json").write_text((tmp_path / "other" / "model.json").read_text())
    with pytest.raises(InputError, match="does not fit"):
        load_model(run)


def test_a_device_that_is_not_here_is_named():
    with pytest.raises(InputError, match=r"here are cpu"):
        choose_device("cuda:9")
    with pytest.raises(InputError, match="is not here"):
        choose_device("abacus")
    assert choose_device("cpu").type == "cpu"


def test_a_constant_image_is_predicted_and_that_is_said(run, tmp_path):
    nib.save(nib.Nifti1Image(np.zeros((9, 9, 9), np.int16), np.eye(4)), tmp_path / "a.nii.gz")
    predict_cases(load_model(run), find_cases(tmp_path / "a.nii.gz", channels=1), tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert "constant" in manifest["cases"]["a"]["notes"][0]
    assert (tmp_path / "out" / "a.nii.gz").is_file()
