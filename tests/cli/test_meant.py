"""A run keeps what it was trained on, and every command that takes images goes by it."""

import json
import shutil

import nibabel as nib
import numpy as np
import pytest

from segscope.cli.main import main
from tests.commands import call
from tests.synthetic import write_volume_dataset

TINY = ["train.epochs=1", "train.steps_per_epoch=2", "train.batch_size=2", "network.widths=[4,8]"]


def train_words(data, run):
    return ["train", str(data), "-o", str(run), "--folds", "3",
            *(word for setting in TINY for word in ("--set", setting))]  # fmt: skip


def store(file, array, spacing=1.0):
    file.parent.mkdir(exist_ok=True)
    nib.save(nib.Nifti1Image(array, np.diag([spacing, spacing, spacing, 1.0])), file)
    return file


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of seconds on crops of a bright ball, as the hippocampus is cut out of MRI."""
    folder = tmp_path_factory.mktemp("meant")
    data = write_volume_dataset(folder / "data", cases=6)
    with pytest.raises(SystemExit) as ended:
        main(train_words(data, folder / "run"))
    assert ended.value.code == 0
    rng = np.random.default_rng(0)
    body = np.where(rng.random((25, 25, 12)) < 0.4, -1000, rng.normal(40, 30, (25, 25, 12)))
    store(folder / "ct" / "abdomen.nii.gz", body.astype(np.int16), 4.0)
    mixed = folder / "mixed"
    mixed.mkdir()
    for name in ("c0", "c1"):
        shutil.copy(data / "imagesTr" / f"{name}_0000.nii.gz", mixed / f"{name}.nii.gz")
    (mixed / "bad.nii.gz").write_bytes(b"no image")
    store(mixed / "units.nii.gz", np.ones((20, 22, 14), np.float32), 100.0)
    huge = np.ones((6, 6, 6))
    huge[0, 0, 0] = 1e39
    store(mixed / "values.nii.gz", huge)
    return folder


def test_a_ct_through_a_model_of_crops_does_not_come_back_without_a_word(capsys, trained, tmp_path):
    words = ["predict", trained / "run", "-i", trained / "ct", "-o", tmp_path / "out"]
    code, out, err = call(capsys, *words)
    assert (code, out) == (2, "")
    for word in ("FAR OUTSIDE", "abdomen.nii.gz", "looks like CT", "size 100 x 100 x 48 mm"):
        assert word in err
    assert list((tmp_path / "out").glob("*.nii.gz")) == []
    code, out, err = call(capsys, *words, "--anyway", "--json")
    assert (code, "FAR OUTSIDE" in err) == (0, True)
    facts = json.loads(out)
    assert facts["written"] == ["abdomen"]
    assert facts["verdicts"]["abdomen"]["level"] == "far outside"
    entry = json.loads((tmp_path / "out" / "manifest.json").read_text())["cases"]["abdomen"]
    assert "looks like CT" in " ".join(entry["notes"])


def test_images_of_its_kind_come_back_without_a_word(capsys, trained, tmp_path):
    code, _, err = call(
        capsys, "predict", trained / "run", "-i", trained / "data", "-o", tmp_path / "out"
    )
    assert (code, err) == (0, "")


def test_every_command_lists_what_failed_and_does_the_rest(capsys, trained, tmp_path):
    for command, options, made in (
        ("predict", [], "c0.nii.gz"),
        ("audit", [], "audit.json"),
        ("quality", [], "quality.json"),
        ("cam", ["--method", "activation"], "cam.json"),
    ):
        out = tmp_path / command
        words = [trained / "run", "-i", trained / "mixed", "-o", out, *options]
        code, _, err = call(capsys, command, *words)
        assert code == 1, (command, err)
        assert "3 of 5 cases failed" in err, command
        assert "defect" not in err, (command, err)
        for name in ("bad.nii.gz", "units.nii.gz", "values.nii.gz"):
            assert name in err, (command, err)
        assert (out / made).is_file(), command


def test_where_no_case_is_left_it_is_bad_input(capsys, trained, tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copy(trained / "mixed" / "bad.nii.gz", tmp_path / "in")
    for command in ("audit", "quality", "cam"):
        words = [trained / "run", "-i", tmp_path / "in", "-o", tmp_path / command]
        code, _, err = call(capsys, command, *words)
        assert (code, "bad.nii.gz" in err) == (2, True), (command, err)


@pytest.mark.parametrize(
    ("array", "spacing", "said"),
    [
        (np.ones((20, 22, 14), np.float32), 100.0, "its spacing 100 x 100 x 100 mm is 100 times"),
        (
            np.full((24, 28, 20), 1e39),
            1.0,
            "c0_0000.nii.gz: 13440 voxels are larger",
        ),
    ],
    ids=["spacing", "values"],
)
def test_training_names_the_image_that_cannot_be_prepared(
    capsys, tmp_path, array, spacing, said
):  # fmt: skip
    data = write_volume_dataset(tmp_path / "data", cases=6)
    store(data / "imagesTr" / "c0_0000.nii.gz", array, spacing)
    label = np.zeros(array.shape, np.uint8)
    label[4:8, 4:8, 4:8] = 1
    label[5, 5, 5] = 2
    store(data / "labelsTr" / "c0.nii.gz", label, spacing)
    code, _, err = call(capsys, *train_words(data, tmp_path / "run"))
    assert (code, "defect" in err) == (2, False), err
    assert "c0_0000.nii.gz" in err
    assert said in err


def test_training_on_voxels_is_refused_before_the_first_epoch(capsys, tmp_path):
    data = write_volume_dataset(tmp_path / "data", cases=6, shape=(8, 8, 8))
    for k in range(6):
        store(data / "imagesTr" / f"c{k}_0000.nii.gz", np.full((1, 1, 1), k + 1.0))
        store(data / "labelsTr" / f"c{k}.nii.gz", np.ones((1, 1, 1), np.uint8))
    words = train_words(data, tmp_path / "run")
    words = [word for word in words if word != "network.widths=[4,8]"][:-1]
    code, _, err = call(capsys, *words, "--set", "train.device=cpu")
    assert (code, "defect" in err) == (2, False), err
    assert "1 x 1 x 1 voxels after preparing" in err
    assert not (tmp_path / "run" / "weights_last.safetensors").exists()
