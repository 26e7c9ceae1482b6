"""Datasets go out in the forms of others, and come back voxel for voxel."""

import json

import nibabel as nib
import numpy as np
import pytest

from segscope.convert import FORMS, convert, export, pairs_layout, read_layout
from segscope.convert.export import runs_of
from segscope.convert.polygons import from_runs
from segscope.data import open_dataset, read_image, read_label
from segscope.errors import InputError
from tests.commands import call
from tests.convert.trees import colours, mask, picture, square, volume

LABELS = {"background": 0, "organ": 1, "tumour": 2}


def volumes(at, channels=("T1", "FLAIR")):
    for case in ("p_1", "p_2"):
        for k in range(len(channels)):
            array = np.random.default_rng(k).integers(-9, 900, (5, 6, 4)).astype(np.int16)
            volume(at / "imagesTr" / f"{case}_{k:04d}.nii.gz", array)
        mask(at / "labelsTr" / f"{case}.nii.gz", 1, 2)
    describe(at, channels, LABELS, ".nii.gz")
    return open_dataset(at)


def describe(at, channels, labels, ending):
    facts = {"channel_names": dict(enumerate(channels)), "labels": labels,
             "numTraining": 2, "file_ending": ending}  # fmt: skip
    (at / "dataset.json").write_text(json.dumps(facts))


def same(made, given):
    assert made.labels == given.labels
    assert [case.name for case in made.training] == [case.name for case in given.training]
    for one, other in zip(made.training, given.training, strict=True):
        for a, b in zip(one.image_files, other.image_files, strict=True):
            assert (read_image(a).array == read_image(b).array).all()
            assert np.allclose(read_image(a).grid.affine, read_image(b).grid.affine)
        assert (read_label(one.label_file).array == read_label(other.label_file).array).all()


@pytest.mark.parametrize(("form", "layout"), [("msd", "msd"), ("nnunet-v1", "nnunet_v1")])
def test_what_went_out_comes_back(tmp_path, form, layout):
    given = volumes(tmp_path / "given")
    assert export(given, tmp_path / "out", form) == 2
    convert(tmp_path / "out", tmp_path / "back", read_layout(layout))
    made = open_dataset(tmp_path / "back")
    assert made.channel_names == ("T1", "FLAIR")
    same(made, given)


def test_the_decathlon_has_channels_on_the_fourth_axis(tmp_path):
    export(volumes(tmp_path / "given"), tmp_path / "out", "msd")
    image = nib.load(tmp_path / "out" / "imagesTr" / "p_1.nii.gz")
    assert image.shape == (5, 6, 4, 2)
    second = nib.load(tmp_path / "given" / "imagesTr" / "p_1_0001.nii.gz")
    assert (np.asarray(image.dataobj)[..., 1] == np.asarray(second.dataobj)).all()
    facts = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert facts["labels"] == {"0": "background", "1": "organ", "2": "tumour"}
    assert facts["training"][0] == {
        "image": "./imagesTr/p_1.nii.gz", "label": "./labelsTr/p_1.nii.gz"
    }  # fmt: skip


def test_bids_has_a_folder_for_each_subject(tmp_path):
    given = volumes(tmp_path / "given", ("T1w",))
    export(given, tmp_path / "out", "bids")
    table = (tmp_path / "out" / "participants.tsv").read_text().splitlines()
    assert table == ["participant_id\tcase\tsubject", "sub-p1\tp_1\tp_1", "sub-p2\tp_2\tp_2"]
    layout = read_layout("bids", {"labels": {"organ": 1, "tumour": 2}})
    convert(tmp_path / "out", tmp_path / "back", layout)
    made = open_dataset(tmp_path / "back")
    assert [case.name for case in made.training] == ["p1", "p2"]
    assert (
        read_label(made.training[0].label_file).array
        == read_label(given.training[0].label_file).array
    ).all()


def test_coco_holds_exact_pixels(tmp_path):
    for k in range(2):
        picture(tmp_path / "given" / "imagesTr" / f"p{k}_0000.png", colours(k))
        picture(tmp_path / "given" / "labelsTr" / f"p{k}.png", square(k))
    describe(tmp_path / "given", ("R", "G", "B"), {"background": 0, "mole": 1}, ".png")
    given = open_dataset(tmp_path / "given")
    export(given, tmp_path / "out", "coco")
    facts = json.loads((tmp_path / "out" / "annotations.json").read_text())
    (drawn,) = facts["annotations"]  # the first picture has none
    assert drawn["area"] == 9
    assert drawn["bbox"] == [3, 2, 3, 3]
    convert(tmp_path / "out", tmp_path / "back",
            pairs_layout("images", None, {}, annotations="annotations.json"))  # fmt: skip
    same(open_dataset(tmp_path / "back"), given)


@pytest.mark.parametrize("seed", range(4))
def test_run_lengths_turn_back(seed):
    drawn = np.random.default_rng(seed).random((5, 7)) < 0.5
    assert (from_runs(runs_of(drawn), drawn.shape) == drawn).all()


def test_forms_that_do_not_fit_are_refused(tmp_path, capsys):
    given = volumes(tmp_path / "given")
    with pytest.raises(InputError, match="--to coco: is for planes"):
        export(given, tmp_path / "out", "coco")
    code, _, err = call(capsys, "data", "export", tmp_path / "given", "-o", tmp_path / "out",
                        "--to", "dicom")  # fmt: skip
    assert code == 2
    assert f"expected one of {', '.join(FORMS)}" in err
    assert not (tmp_path / "out").exists()
    code, out, _ = call(capsys, "data", "export", tmp_path / "given", "-o", tmp_path / "out",
                        "--to", "bids")  # fmt: skip
    assert code == 0
    assert out.startswith("2 cases: ")
