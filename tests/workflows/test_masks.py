"""A network that is shown masks: trained, predicting, audited by the commands a person types."""

import json

import numpy as np
import pytest

from segscope.cli.main import main
from segscope.data import (
    AS_STORED,
    open_dataset,
    read_frame,
    read_image,
    read_label,
    write_image,
    write_label,
)
from segscope.images import Grid, Image, LabelMap
from segscope.inference import load_model
from segscope.priors import open_mask_source
from segscope.workflows.modalities import check_modalities
from tests.synthetic import write_plane_dataset, write_volume_dataset

TINY = ["network.widths=[4,8]", "train.epochs=1", "train.steps_per_epoch=2", "train.batch_size=2"]


def call(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    said = capsys.readouterr()
    return ended.value.code, said.out, " ".join(said.err.split())


def train(capsys, data, run, *settings):
    words = [word for setting in (*TINY, *settings) for word in ("--set", setting)]
    return call(capsys, "train", data, "-o", run, "--folds", "3", *words)


@pytest.fixture
def volumes(tmp_path):
    return write_volume_dataset(tmp_path / "data", cases=3, shape=(16, 20, 16))


@pytest.mark.parametrize("inputs", ["gbm", "image+gbm"])
def test_predict_makes_the_mask_by_itself(capsys, tmp_path, volumes, inputs):
    run, out = tmp_path / "run", tmp_path / "out"
    code, _, said = train(capsys, volumes, run, f"inputs={inputs}", "mask.method=threshold",
                          "network.name=prior_unet", "network.norm=batch")  # fmt: skip
    assert code == 0, said
    assert f"shown {inputs}, by threshold" in said
    spec = load_model(run).spec
    assert (spec.inputs, spec.file_channels) == (inputs, 1)
    assert spec.mirror_axes == ()
    assert (run / "prior" / "template.nii.gz").is_file()
    assert (run / "masks" / "masks.png").stat().st_size > 5000
    code, _, said = call(capsys, "predict", run, "-i", volumes / "imagesTr", "-o", out)
    assert code == 0, said
    image = read_image(volumes / "imagesTr" / "c1_0000.nii.gz")
    mask = read_label(out / "masks" / "c1.nii.gz")
    assert mask.grid.matches(image.grid)
    assert set(np.unique(mask.array)) == {0, 1}
    facts = json.loads((out / "masks" / "masks.json").read_text())["cases"]["c1"]
    assert 0 < facts["plausibility"] <= 1
    code, stdout, _ = call(capsys, "predict", run, "-i", volumes / "imagesTr", "-o", out)
    assert "0 label maps" in stdout
    code, _, said = call(capsys, "audit", run, "-i", volumes, "-o", tmp_path / "audit")
    assert code == 0, said
    quality = json.loads((tmp_path / "audit" / "audit.json").read_text())["cases"][0]["quality"]
    assert {"prior_inside", "prior_centre", "prior_volume"} <= quality.keys()
    code, stdout, said = call(capsys, "quality", run, "-i", volumes, "--cases", "all", "--json")
    assert code == 0, said
    assert "prior_inside" in json.loads(stdout)["cases"][0]
    assert call(capsys, "cam", run, "-i", volumes, "-o", tmp_path / "cam")[0] == 0


def test_the_mask_alone_is_blind_to_intensities(capsys, tmp_path, volumes):
    run = tmp_path / "run"
    assert train(capsys, volumes, run, "inputs=gbm", "mask.method=threshold")[0] == 0
    masks, changed = tmp_path / "masks", tmp_path / "changed"
    assert call(capsys, "data", "masks", "-i", volumes / "imagesTr", "-o", masks)[0] == 0
    changed.mkdir()
    for file in sorted((volumes / "imagesTr").iterdir()):
        image = read_image(file)
        bias = np.linspace(1, 3, image.grid.shape[0])[:, None, None]
        array = (500 - image.array * bias).astype(np.float32)
        write_image(changed / file.name, Image(array, image.grid))
    found = {}
    for name, source in (("as it is", volumes / "imagesTr"), ("changed", changed)):
        out = tmp_path / name
        code, _, said = call(capsys, "predict", run, "-i", source, "-o", out, "--masks", masks)
        assert code == 0, said
        found[name] = [read_label(out / f"c{k}.nii.gz").array for k in range(3)]
    for first, second in zip(*found.values(), strict=True):
        np.testing.assert_array_equal(first, second)
    dataset = open_dataset(volumes)
    model = load_model(run)
    source = open_mask_source(model.spec.mask, run / "prior")
    rows = check_modalities(model, source, dataset.training[:1], reading=AS_STORED)
    assert [row.change for row in rows] == ["inverted", "bias field", "gamma 2"]
    assert all(row.same_mask_same_bits for row in rows)
    by = {row.change: row for row in rows}
    assert by["inverted"].mask_dice > 0.99  # the surround is found whether bright or dark


def test_an_image_network_is_compared_with_masks(capsys, tmp_path, volumes):
    run, masks = tmp_path / "run", tmp_path / "masks"
    assert train(capsys, volumes, run)[0] == 0
    assert (
        call(capsys, "data", "masks", "-i", volumes, "-o", masks, "--mask", "method=labels")[0] == 0
    )
    code, _, said = call(
        capsys, "audit", run, "-i", volumes, "-o", tmp_path / "a", "--masks", masks
    )
    assert code == 0, said
    case = json.loads((tmp_path / "a" / "audit.json").read_text())["cases"][0]
    assert 0 <= case["quality"]["prior_inside"] <= 1
    assert case["quality"]["prior_centre"] <= 0
    code, _, said = call(
        capsys, "predict", run, "-i", volumes, "-o", tmp_path / "p", "--masks", masks
    )
    assert code == 2
    assert "this run's network is shown no mask" in said


def test_masks_from_labels_are_refused_for_new_images(capsys, tmp_path, volumes):
    run = tmp_path / "run"
    assert train(capsys, volumes, run, "inputs=image+gbm", "mask.method=labels")[0] == 0
    code, _, said = call(capsys, "predict", run, "-i", volumes / "imagesTr", "-o", tmp_path / "p")
    assert code == 2
    assert "it is for experiments" in said


def test_a_coarse_run_makes_the_masks_of_another(capsys, tmp_path):
    planes = write_plane_dataset(tmp_path / "data", cases=3)
    coarse, run = tmp_path / "coarse", tmp_path / "run"
    assert train(capsys, planes, coarse, "train.epochs=3", "train.steps_per_epoch=8")[0] == 0
    code, _, said = train(
        capsys, planes, run, "inputs=image+gbm", f"mask={{method: network, run: {coarse}}}"
    )
    assert code == 0, said
    code, _, said = call(capsys, "predict", run, "-i", planes / "imagesTr", "-o", tmp_path / "p")
    assert code == 0, said
    code, _, said = train(
        capsys, planes, tmp_path / "again", "inputs=gbm", f"mask={{method: network, run: {run}}}"
    )
    assert code == 2
    assert "needs a mask itself" in said


def test_a_strange_mask_is_said(capsys, tmp_path, volumes):
    run, masks = tmp_path / "run", tmp_path / "masks"
    assert train(capsys, volumes, run, "inputs=image+gbm", "mask.method=labels")[0] == 0
    grid = read_image(volumes / "imagesTr" / "c0_0000.nii.gz").grid
    mask = np.zeros(grid.shape, np.uint8)
    mask[:2] = 1
    masks.mkdir()
    for k in range(3):
        write_label(masks / f"c{k}.nii.gz", LabelMap(mask, grid))
    code, _, said = call(
        capsys, "predict", run, "-i", volumes / "imagesTr", "-o", tmp_path / "p", "--masks", masks
    )
    assert code == 0
    assert "is unlike the training masks'" in said
    assert "no training mask does: the view may be cut off" in said


def test_recipes_that_do_not_fit_are_refused(capsys, tmp_path, volumes):
    for settings, said in (
        (["inputs=gbm"], "need mask.method (threshold, network, file or labels)"),
        (["mask.method=threshold"], "inputs image takes none"),
        (["inputs=pictures", "mask.method=threshold"], "inputs: Input should be"),
        (["inputs=gbm", "mask.method=network"], "needs run: the folder of a coarse run"),
    ):
        code, _, err = train(capsys, volumes, tmp_path / "run", *settings)
        assert code == 2
        assert said in err
        assert not (tmp_path / "run").exists()


def test_a_stopped_training_goes_on_with_the_same_masks(capsys, tmp_path, volumes):
    run = tmp_path / "run"
    assert train(capsys, volumes, run, "inputs=image+gbm", "mask.method=threshold")[0] == 0
    before = (run / "masks" / "c0.nii.gz").stat().st_mtime_ns
    code, _, said = call(capsys, "train", volumes, "-o", run, "--resume")
    assert code == 0, said
    assert (run / "masks" / "c0.nii.gz").stat().st_mtime_ns == before


@pytest.mark.parametrize("inputs", ["image", "image+gbm"])
def test_a_network_in_the_templates_frame_predicts_on_each_images_own_grid(
    capsys, tmp_path, volumes, inputs
):
    """Every case is trained on the template's grid; what is predicted lies on its own."""
    turned = volumes / "imagesTr" / "c1_0000.nii.gz", volumes / "labelsTr" / "c1.nii.gz"
    for file in turned:  # another grid than the others': axes exchanged, voxels moved
        image = read_image(file)
        affine = image.grid.affine[:, [1, 0, 2, 3]]
        affine[:2, 3] += [9, -4]
        array = np.ascontiguousarray(image.array.transpose(0, 2, 1, 3))
        write_image(file, Image(array, Grid(array.shape[1:], affine)))
    run, out = tmp_path / "run", tmp_path / "out"
    code, _, said = train(capsys, volumes, run, f"inputs={inputs}", "mask.method=threshold",
                          "mask.frame=template")  # fmt: skip
    assert code == 0, said
    assert "in the template's frame" in said
    spec = load_model(run).spec
    assert (spec.plan.frame, spec.plan.crop, spec.inputs) == ("template", False, inputs)
    for label in sorted((run / "validation").glob("*.nii.gz")):
        own = read_image(volumes / "imagesTr" / label.name.replace(".nii", "_0000.nii"))
        assert read_label(label).grid.matches(own.grid)
    code, _, said = call(capsys, "predict", run, "-i", volumes / "imagesTr", "-o", out)
    assert code == 0, said
    template = read_image(run / "prior" / "template.nii.gz").grid
    for name in ("c0", "c1"):
        own = read_image(volumes / "imagesTr" / f"{name}_0000.nii.gz").grid
        assert read_label(out / f"{name}.nii.gz").grid.matches(own)
        frame = read_frame(out / "masks" / f"{name}.frame.json", dims=3)
        assert frame.grid.matches(template)
    code, stdout, _ = call(capsys, "predict", run, "-i", volumes / "imagesTr", "-o", out)
    assert "0 label maps" in stdout
    assert call(capsys, "audit", run, "-i", volumes, "-o", tmp_path / "audit")[0] == 0
