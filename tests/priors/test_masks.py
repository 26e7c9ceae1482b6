"""Masks as files: made once, made again when anything changes, refused where they cannot be."""

import json
from dataclasses import replace

import numpy as np
import pytest

from segscope.data import AS_STORED, open_dataset, read_label, read_label_of, write_label
from segscope.errors import InputError
from segscope.inference import save_model
from segscope.preprocessing import MaskPlan
from segscope.priors import (
    make_masks,
    masked_dataset,
    note_plausibility,
    open_mask_source,
    resolve_mask_plan,
    write_reference,
)
from tests.inference.nets import random_model
from tests.synthetic import write_plane_dataset, write_volume_dataset


@pytest.fixture
def volumes(tmp_path):
    return open_dataset(write_volume_dataset(tmp_path / "data", cases=3))


def plan_of(method, dataset, **options):
    return MaskPlan(method=method, image_channels=dataset.channel_names, **options)


def source_of(plan, dataset, folder, **options):
    resolve_mask_plan(plan, folder, template=dataset.training[0], reading=AS_STORED)
    return open_mask_source(plan, folder, labels=dataset.labels, **options)


def test_masks_are_made_once_and_again_when_something_changed(tmp_path, volumes):
    source = source_of(plan_of("threshold", volumes), volumes, tmp_path / "prior")
    made = make_masks(volumes.training, source, tmp_path / "m", reading=AS_STORED)
    file = made["c1"].file
    first, when = file.read_bytes(), file.stat().st_mtime_ns
    make_masks(volumes.training, source, tmp_path / "m", reading=AS_STORED)
    assert file.stat().st_mtime_ns == when
    file.write_bytes(first[:-10])  # damaged
    make_masks(volumes.training, source, tmp_path / "m", reading=AS_STORED)
    assert file.read_bytes() == first
    grown = source_of(plan_of("threshold", volumes, dilation_mm=3.0), volumes, tmp_path / "prior2")
    make_masks(volumes.training, grown, tmp_path / "m", reading=AS_STORED)
    assert file.read_bytes() != first
    facts = json.loads((tmp_path / "m" / "masks.json").read_text())
    assert facts["cases"]["c1"]["transform"]["metric"] < 0
    assert (tmp_path / "m" / "masks.json").read_text().count("data") == 0  # no path of the image


def test_a_case_that_cannot_be_read_leaves_the_others(tmp_path, volumes):
    source = source_of(plan_of("threshold", volumes), volumes, tmp_path / "prior")
    volumes.training[1].image_files[0].write_bytes(b"no image")
    with pytest.raises(InputError, match="1 of 3 cases failed") as caught:
        make_masks(volumes.training, source, tmp_path / "m", reading=AS_STORED)
    assert "c1_0000.nii.gz" in str(caught.value)
    assert sorted(f.name for f in (tmp_path / "m").glob("c*")) == ["c0.nii.gz", "c2.nii.gz"]
    with pytest.raises(InputError, match="c1_0000"):
        make_masks(volumes.training[1:2], source, tmp_path / "n", reading=AS_STORED)


def test_another_record_is_refused(tmp_path, volumes):
    source = source_of(plan_of("threshold", volumes), volumes, tmp_path / "prior")
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "masks.json").write_text('{"cases": {"c0": {}}}')
    with pytest.raises(InputError, match="is no record of masks"):
        make_masks(volumes.training, source, tmp_path / "m", reading=AS_STORED)


def test_labels_are_for_experiments(tmp_path, volumes):
    plan = plan_of("labels", volumes)
    made = make_masks(
        volumes.training, source_of(plan, volumes, tmp_path / "p"), tmp_path / "m",
        reading=AS_STORED,
    )  # fmt: skip
    for case in volumes.training:
        expected = read_label_of(volumes, case).array > 0
        np.testing.assert_array_equal(read_label(made[case.name].file).array > 0, expected)
    with pytest.raises(InputError, match="for experiments; give masks with --masks"):
        open_mask_source(plan, tmp_path / "p")
    core = plan_of("labels", volumes, labels=("nothing",))
    with pytest.raises(InputError, match="no label nothing; there are background"):
        make_masks(
            volumes.training, source_of(core, volumes, tmp_path / "q"), tmp_path / "n",
            reading=AS_STORED,
        )  # fmt: skip


def test_masks_of_the_user(tmp_path, volumes):
    brought = tmp_path / "brought"
    plan = plan_of("file", volumes, folder=str(brought))
    with pytest.raises(InputError, match="no such folder of masks"):
        open_mask_source(plan, tmp_path / "p")
    brought.mkdir()
    for case in volumes.training[:2]:
        label = read_label_of(volumes, case)
        mask = replace(label, array=(label.array > 0).astype(np.uint8))
        write_label(brought / f"{case.name}.nii.gz", mask)
    source = open_mask_source(plan, tmp_path / "p")
    made = make_masks(volumes.training[:2], source, tmp_path / "m", reading=AS_STORED)
    assert made["c0"].figures.pieces == 1
    with pytest.raises(InputError, match="the mask of case c2 is not there"):
        make_masks(volumes.training, source, tmp_path / "m", reading=AS_STORED)


def test_a_coarse_run_is_taken_into_the_run(tmp_path, volumes):
    model = random_model(3, widths=(4, 6), patch=(16, 16, 16))
    save_model(tmp_path / "coarse", model.spec, model.net)
    plan = plan_of("network", volumes, run=str(tmp_path / "coarse"))
    resolve_mask_plan(plan, tmp_path / "p", template=volumes.training[0], reading=AS_STORED)
    (tmp_path / "coarse" / "model.json").unlink()  # the run needs the other one no more
    made = make_masks(
        volumes.training, open_mask_source(plan, tmp_path / "p"), tmp_path / "m", reading=AS_STORED
    )
    assert len(made) == 3
    with pytest.raises(InputError, match=r"holds no model\.json"):
        resolve_mask_plan(plan, tmp_path / "q", template=volumes.training[0], reading=AS_STORED)


def test_later_masks_are_judged_by_the_training_masks(tmp_path, volumes):
    plan = plan_of("labels", volumes)
    source = source_of(plan, volumes, tmp_path / "p")
    made = make_masks(volumes.training, source, tmp_path / "m", reading=AS_STORED)
    assert made["c0"].plausibility is None
    write_reference(tmp_path / "p", made)
    again = open_mask_source(plan, tmp_path / "p", labels=volumes.labels)
    judged = make_masks(volumes.training, again, tmp_path / "m", reading=AS_STORED)
    assert all(mask.plausibility.score == 1.0 for mask in judged.values())
    note_plausibility(tmp_path / "m", judged)
    facts = json.loads((tmp_path / "m" / "masks.json").read_text())
    assert facts["cases"]["c0"]["plausibility"] == 1.0
    (tmp_path / "p" / "training_masks.json").write_text('{"masks": {"a": {}}}')
    with pytest.raises(InputError, match="is damaged"):
        open_mask_source(plan, tmp_path / "p", labels=volumes.labels)


def test_planes_keep_their_format(tmp_path):
    planes = open_dataset(write_plane_dataset(tmp_path / "data", cases=2))
    source = source_of(plan_of("threshold", planes), planes, tmp_path / "p")
    made = make_masks(planes.training, source, tmp_path / "m", reading=AS_STORED)
    assert made["p0"].file.suffix == ".png"
    truth = read_label_of(planes, planes.training[0]).array > 0
    found = read_label(made["p0"].file).array > 0
    assert 2 * (truth & found).sum() / (truth.sum() + found.sum()) > 0.9
    shown = masked_dataset(planes, made, "image+gbm")
    assert shown.channel_names == ("grey", "global binary mask")
    assert [file.parent.name for file in shown.training[0].image_files] == ["imagesTr", "m"]
    alone = masked_dataset(planes, {"p1": made["p1"]}, "gbm")
    assert [case.name for case in alone.training] == ["p1"]
    assert len(alone.training[0].image_files) == 1
