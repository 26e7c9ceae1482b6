"""Classifiers of volumes: trained, used and mapped as those of plane images are."""

import json

import numpy as np
import pytest
import torch

from segscope.data import open_dataset, read_image
from segscope.errors import InputError
from segscope.inference.classify import (
    class_probabilities,
    load_classifier,
    prepare_image,
    read_pixels,
)
from segscope.training.classify import train_classifier
from segscope.training.classify_recipe import classify_recipe
from segscope.workflows.cam import CamOptions, cam
from tests.synthetic import write_volume_dataset

TINY = {"network": "resnet10", "size": [8, 10, 8], "epochs": 1, "batch_size": 4, "patience": 0}


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("volumes")
    data = write_volume_dataset(folder / "data", cases=6, shape=(10, 14, 8))
    rows = "".join(f"c{k},{'normal' if k % 2 else 'abnormal'}\n" for k in range(6))
    (data / "cases.csv").write_text(f"case,class\n{rows}")
    dataset = open_dataset(data)
    recipe = classify_recipe({**TINY, "val_share": 0.5})
    train_classifier(dataset, recipe, folder / "run")
    return folder, dataset


def test_a_run_of_volumes_classifies_and_maps_on_each_volumes_own_grid(volumes):
    folder, dataset = volumes
    model = load_classifier(folder / "run")
    assert model.spec.size == (8, 10, 8)
    assert model.seen.image_dims == 3
    x = prepare_image(model, dataset.training[0])
    assert x.shape == (1, 8, 10, 8)
    found = class_probabilities(model, x[None])
    assert found.sum() == pytest.approx(1)
    rows = json.loads((folder / "run" / "validation.json").read_text())["n"]
    assert rows == 3
    asked = CamOptions(device="cpu", cases="all", of="abnormal")
    done = cam(folder / "run", dataset.folder, folder / "maps", asked)
    assert [row.case for row in done.rows] == [f"c{k}" for k in range(6)]
    assert all(row.mean_dice is not None for row in done.rows)
    own = read_image(dataset.training[0].image_files[0]).grid
    assert read_image(folder / "maps" / "heatmaps" / "c0.nii.gz").grid.matches(own)


def test_the_training_values_mean_is_taken_off_and_nothing_else(volumes):
    folder, dataset = volumes
    model = load_classifier(folder / "run")
    train = json.loads((folder / "run" / "split.json").read_text())["train"]
    prepared = [prepare_image(model, c) for c in dataset.training if c.name in train]
    assert torch.stack(prepared).mean().abs() < 1e-4
    assert torch.stack(prepared).std() == pytest.approx(1, abs=1e-3)


def test_axes_are_turned_to_one_order(tmp_path, volumes):
    """The same head stored otherwise gives the same voxels."""
    import nibabel as nib

    _, dataset = volumes
    case = dataset.training[0]
    first = read_pixels(case, 1, dims=3)
    image = nib.load(case.image_files[0])
    other = tmp_path / "turned.nii.gz"
    turned = nib.orientations.ornt_transform(
        nib.io_orientation(image.affine), nib.orientations.axcodes2ornt("PSL")
    )
    nib.save(image.as_reoriented(turned), other)
    assert nib.aff2axcodes(nib.load(other).affine) == ("P", "S", "L")
    again = read_pixels(type(case)("t", (other,)), 1, dims=3)
    np.testing.assert_array_equal(again, first)


def test_planes_and_volumes_are_not_mixed(tmp_path, volumes):
    _, dataset = volumes
    recipe = classify_recipe({**TINY, "size": [8, 8], "network": "mobilenetv2", "val_share": 0.5})
    with pytest.raises(InputError, match="is a volume, the classifier takes plane images"):
        train_classifier(dataset, recipe, tmp_path / "run")
    with pytest.raises(InputError, match="size must be two sides, or three of volumes"):
        classify_recipe({**TINY, "size": [8]})
