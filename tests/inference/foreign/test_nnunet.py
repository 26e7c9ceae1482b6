"""nnU-Net folders from the command line: equal to nnU-Net's own predictions, or refused."""

import json
import pickle
import shutil
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from segscope.data import find_cases, read_label
from segscope.errors import InputError
from segscope.inference import OpenOptions, PredictOptions, kind_of_model, open_model
from segscope.inference.foreign import nnunet
from segscope.workflows.predict_pieces import Model, predict_piece
from tests.commands import call, call_flat
from tests.inference.foreign.programs import dice
from tests.inference.foreign.results_folder import (
    DATASET,
    changed,
    plans,
    weights_of,
    write_checkpoint,
    write_folder,
)

# of each model the cases that take other ways: the long ones are of the benchmark
CASES = [
    ("nnunet_hippocampus_3d", "expected", "hippocampus_003aniso"),
    ("nnunet_hippocampus_3d", "expected_no_mirror", "hippocampus_006fine"),
    ("nnunet_hippocampus_3d", "expected_first_fold", "hippocampus_001"),
    ("nnunet_hippocampus_regions", "expected", "hippocampus_001"),
    ("nnunet_hippocampus_regions", "expected_no_mirror", "hippocampus_003thick"),
    ("nnunet_skin_2d", "expected", "ISIC_0000008"),
    ("nnunet_skin_2d", "expected_no_mirror", "ISIC_0000020"),
]


@pytest.mark.parametrize(("model", "reference", "case"), CASES)
def test_a_stored_model_predicts_what_nnunet_did(
    model, reference, case, shared_models, tmp_path, capsys
):
    place = shared_models / model
    facts = json.loads((place / "artefact.json").read_text())
    said = next(one for one in facts["references"] if one["folder"] == reference)
    (image,) = (place / "images").glob(f"{case}_0000*")
    extra = ["--probabilities"] if said["probabilities"] else []
    code, _, err = call(capsys, "predict", place / facts["model"], "-i", image, "-o", tmp_path,
                        *said["arguments"], *extra)  # fmt: skip
    assert code == 0, err
    (expected,) = (file for file in (place / reference).glob(f"{case}.*") if file.suffix != ".npz")
    found, truth = (read_label(file).array for file in (tmp_path / expected.name, expected))
    assert np.mean(found == truth) >= 0.9999
    assert all(dice(found, truth, value) >= 0.999 for value in np.unique(truth))
    if said["probabilities"]:
        stored = np.load(place / reference / f"{case}.npz")["probabilities"]
        with np.load(tmp_path / f"{case}.npz") as own:
            np.testing.assert_allclose(own["probabilities"], stored, atol=1e-3)


@pytest.fixture
def image(tmp_path):
    """A small volume as a file."""
    values = np.random.default_rng(0).normal(100, 20, (9, 8, 10)).astype(np.float32)
    folder = tmp_path / "images"
    folder.mkdir()
    nib.save(nib.Nifti1Image(values, np.diag([1.0, 1.0, 1.2, 1.0])), folder / "a_0000.nii.gz")
    return folder / "a_0000.nii.gz"


def test_the_manifest_says_what_was_used(image, tmp_path, capsys):
    folder = write_folder(tmp_path, folds=(0, 1), mirror=(0, 2))
    code, _, _ = call(capsys, "predict", folder, "-i", image, "-o", tmp_path / "out")
    assert code == 0
    made = json.loads((tmp_path / "out/manifest.json").read_text())["cases"]["a"]["made_by"]
    assert made["tool"] == "nnU-Net v2"
    assert (made["mirror"], made["mirror_axes"], made["overlap"]) == (True, [0, 2], 0.5)
    assert (made["configuration"], made["trainer"]) == ("tiny", "nnUNetTrainer")
    assert list(made["checkpoints_sha256"]) == ["fold_0", "fold_1"]
    assert made["network"] == "PlainConvUNet"


def test_another_process_opens_the_same_model(image, tmp_path, capsys):
    folder = write_folder(tmp_path, folds=(0, 1))
    code, _, _ = call(capsys, "predict", folder, "-i", image, "-o", tmp_path / "out", "--folds", 1)
    assert code == 0
    sent = pickle.dumps(Model(folder, OpenOptions(folds="1")))
    (part,) = predict_piece(
        pickle.loads(sent), None, PredictOptions(), find_cases(image, channels=1)
    )
    assert not part.reason
    file = tmp_path / "there.nii.gz"
    file.write_bytes(part.files[0])
    here, there = (read_label(one).array for one in (tmp_path / "out/a.nii.gz", file))
    assert np.array_equal(here, there)


def test_regions_are_audited_each_by_itself_and_mapped(image, tmp_path, capsys):
    regions = {**DATASET, "labels": {"background": 0, "whole": [1, 2], "core": [2]},
               "regions_class_order": [1, 2]}  # fmt: skip
    folder = write_folder(tmp_path, dataset=regions, folds=(0, 1))
    truth = tmp_path / "truth"
    truth.mkdir()
    label = np.zeros((9, 8, 10), np.uint8)
    label[2:6, 2:6, 2:6], label[3:5, 3:5, 3:5] = 1, 2
    nib.save(nib.Nifti1Image(label, np.diag([1.0, 1.0, 1.2, 1.0])), truth / "a.nii.gz")
    code, out, err = call(capsys, "audit", folder, "-i", image, "--truth", truth,
                          "-o", tmp_path / "audit")  # fmt: skip
    assert code == 0, err
    assert "encoder 1/2 conv 1, 4 @ 1/2" in out
    found = json.loads((tmp_path / "audit/audit.json").read_text())
    assert found["classes"] == ["whole", "core"]
    (case,) = found["cases"]
    assert {len(layer["agreement"]) for layer in case["layers"]} == {2}
    assert 0 <= case["quality"]["folds"] <= 1
    # of the network's own region against the truth's: both labels are in the whole, one in the core
    assert len(case["output"]["dice"]) == 2
    code, _, err = call(capsys, "cam", folder, "-i", image, "--truth", truth,
                        "-o", tmp_path / "maps")  # fmt: skip
    assert code == 0, err
    assert {f.name for f in (tmp_path / "maps/heatmaps").iterdir()} == {
        "a_whole.nii.gz", "a_core.nii.gz",
    }  # fmt: skip
    code, _, err = call(capsys, "report", folder, "--audit", tmp_path / "audit")
    assert code == 0, err
    assert "core" in (tmp_path / "audit/report.html").read_text()
    assert not (folder / "report.html").exists()


def test_quality_shows_whether_the_folds_agree(image, tmp_path, capsys):
    folder = write_folder(tmp_path, folds=(0, 1))
    code, out, err = call(capsys, "quality", folder, "-i", image)
    assert code == 0, err
    assert "folds " in out
    code, out, _ = call(capsys, "quality", folder, "-i", image, "--folds", "1")
    assert code == 0
    assert "folds: not available, the model is one network" in out


def test_folds_and_checkpoints_are_chosen(tmp_path):
    folder = write_folder(tmp_path, folds=(0, 1, "all"))
    write_checkpoint(folder, 1, weights_of(folder, 1), kind="best")

    def folds(**options):
        return list(open_model(folder, OpenOptions(**options)).spec.facts["checkpoints_sha256"])

    assert folds() == ["fold_0", "fold_1"]
    assert folds(folds="1,0") == ["fold_1", "fold_0"]
    assert folds(folds="all") == ["fold_all"]
    assert folds(checkpoint="best") == ["fold_1"]
    shutil.rmtree(folder / "fold_0")
    shutil.rmtree(folder / "fold_1")
    assert folds() == ["fold_all"]


@pytest.mark.parametrize(("options", "said"), [
    ({"folds": "3"}, "--folds 3: .* has 0, all"),
    ({"folds": "0,0"}, "at most once"),
    ({"checkpoint": "latest"}, "say --checkpoint final"),
    ({"checkpoint": "first"}, "expected one of final, best, latest"),
    ({"weights": "best"}, "--weights: .* is an nnU-Net v2 results folder, which has no such"),
])  # fmt: skip
def test_choices_that_are_not_there_are_refused(options, said, tmp_path):
    folder = write_folder(tmp_path, folds=(0, "all"))
    with pytest.raises(InputError, match=said):
        open_model(folder, OpenOptions(**options))


def test_a_trainer_that_is_not_known_is_noted_where_its_weights_fit(tmp_path, caplog):
    folder = write_folder(tmp_path, trainer="nnUNetTrainer_DASegOrd0_NoMirroring")
    (tmp_path / folder.name / "crossval_results_folds_0").mkdir()
    (folder / "crossval_results_folds_0/postprocessing.pkl").write_bytes(b"x")
    notes = " ".join(open_model(folder).notes)
    assert "nnUNetTrainer_DASegOrd0_NoMirroring is not known; its weights fit the plans" in notes
    assert "postprocessing.pkl is left out" in notes


def test_what_ddp_saved_is_opened(tmp_path):
    folder = write_folder(tmp_path)
    named = {f"module.{name}": value for name, value in weights_of(folder).items()}
    write_checkpoint(folder, 0, named)
    open_model(folder)


def test_folds_of_different_trainings_are_refused(tmp_path):
    folder = write_folder(tmp_path, folds=(0, 1))
    write_checkpoint(folder, 1, weights_of(folder, 1), init_args={"configuration": "2d"})
    with pytest.raises(InputError, match=r"fold_1/checkpoint_final\.pth: was trained as 2d"):
        open_model(folder)


def test_a_checkpoint_that_changes_while_it_is_used_ends_the_work(tmp_path, image, capsys):
    folder = write_folder(tmp_path, folds=(0, 1))
    model = open_model(folder)
    write_checkpoint(folder, 1, weights_of(folder, 0), more=1)
    with pytest.raises(InputError, match="has changed since it was opened"):
        model.parts.inferer.folds[1](model.net)


def cut(file):
    file.write_bytes(file.read_bytes()[:-2000])


def flipped(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


def no_number(file):
    folder = file.parent.parent
    weights = weights_of(folder)
    weights["decoder.seg_layers.0.bias"][0] = float("nan")
    write_checkpoint(folder, 0, weights)


def other_shape(file):
    folder = file.parent.parent
    weights = weights_of(folder)
    weights["decoder.seg_layers.0.bias"] = torch.zeros(5)
    write_checkpoint(folder, 0, weights)


def no_trainer(file):
    folder = file.parent.parent
    write_checkpoint(folder, 0, weights_of(folder), trainer_name=KeyError)


def far_axes(file):
    folder = file.parent.parent
    write_checkpoint(folder, 0, weights_of(folder), inference_allowed_mirroring_axes=(0, 7))


@pytest.mark.parametrize("damage", [cut, flipped, no_number, other_shape, no_trainer, far_axes])
def test_a_damaged_checkpoint_is_refused_by_its_name(damage, image, tmp_path, capsys):
    folder = write_folder(tmp_path)
    file = folder / "fold_0/checkpoint_final.pth"
    damage(file)
    code, _, err = call(capsys, "predict", folder, "-i", image, "-o", tmp_path / "out")
    assert code == 2
    assert str(file) in err


class Planted:
    """Writes a file when it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.touch, (Path(self.file),)


def test_a_planted_object_is_named_and_never_made(image, tmp_path, capsys):
    folder = write_folder(tmp_path)
    trap = tmp_path / "trap"
    write_checkpoint(folder, 0, weights_of(folder), logging=Planted(trap))
    assert pickle.loads(pickle.dumps(Planted(trap))) is None  # it works
    trap.unlink()
    code, _, err = call_flat(capsys, "predict", folder, "-i", image, "-o", tmp_path / "out")
    assert code == 2
    assert "pathlib" in err
    assert not trap.exists()


@pytest.mark.parametrize(("change", "said"), [
    (lambda a: a.update(network_class_name="subprocess.Popen"), "subprocess.Popen"),
    (lambda a: a["arch_kwargs"].update(conv_op="os.system"), "os.system"),
])  # fmt: skip
def test_planted_names_in_plans_are_refused(change, said, image, tmp_path, capsys):
    folder = write_folder(tmp_path)
    changed(folder, "plans.json", lambda p: change(p["configurations"]["tiny"]["architecture"]))
    code, _, err = call_flat(capsys, "predict", folder, "-i", image, "-o", tmp_path / "out")
    assert code == 2
    assert said in err


@pytest.mark.parametrize(("change", "said"), [
    ({"image_reader_writer": "MyIO"}, "image_reader_writer MyIO is not known"),
    ({"image_reader_writer": "Tiff3DIO"}, "image_reader_writer Tiff3DIO is not known"),
])  # fmt: skip
def test_readers_of_others_are_refused(change, said, tmp_path):
    folder = write_folder(tmp_path)
    changed(folder, "plans.json", lambda p: p.update(change))
    with pytest.raises(InputError, match=said):
        open_model(folder)


def test_cascades_are_refused(tmp_path):
    folder = write_folder(tmp_path)
    changed(folder, "plans.json",
            lambda p: p["configurations"]["tiny"].update(previous_stage="3d_lowres"))  # fmt: skip
    with pytest.raises(InputError, match="second stage of a cascade"):
        open_model(folder)


def near_misses(place):
    """Paths that are nearly results folders, and what is said of them."""
    folder = write_folder(place / "Dataset001_X")
    yield folder / "fold_0", "is one fold of an nnU-Net folder; name its parent"
    yield folder / "fold_0/checkpoint_final.pth", "is one checkpoint of an nnU-Net folder"
    yield folder.parent, f"holds nnU-Net folders, {folder.name}; name one of them"
    lost = place / "lost"
    shutil.copytree(folder, lost)
    (lost / "plans.json").unlink()
    yield lost, r"no plans\.json; plans\.json is in nnUNet_preprocessed/DATASET as nnUNetPlans"
    best = place / "without"
    shutil.copytree(folder, best)
    (best / "fold_0/checkpoint_final.pth").unlink()
    yield best, "without a checkpoint_final.pth"
    old = place / "old"
    (old / "fold_0").mkdir(parents=True)
    (old / "plans.pkl").write_bytes(b"x")
    yield old, "nnU-Net v1 folder, whose pickles are never read"
    packed = place / "model.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(folder / "plans.json", f"Dataset001_X/{folder.name}/plans.json")
    yield packed, "is a packed nnU-Net folder; unpack it"


def test_what_is_nearly_a_results_folder_is_told_what_it_lacks(tmp_path):
    for path, said in near_misses(tmp_path):
        with pytest.raises(InputError, match=said):
            kind_of_model(path)


def test_only_best_checkpoints_must_be_asked_for(tmp_path):
    folder = write_folder(tmp_path)
    file = folder / "fold_0/checkpoint_final.pth"
    file.rename(file.with_name("checkpoint_best.pth"))
    assert kind_of_model(folder) is nnunet.KIND
    with pytest.raises(
        InputError, match=r"no fold has a checkpoint_final\.pth; say --checkpoint best"
    ):
        open_model(folder)


def test_a_2d_network_of_old_plans_takes_volumes_slice_by_slice(image, tmp_path, capsys):
    folder = write_folder(tmp_path, said=plans(2), mirror=(0, 1))
    code, _, err = call(capsys, "predict", folder, "-i", image, "-o", tmp_path / "out")
    assert code == 0, err
    assert read_label(tmp_path / "out/a.nii.gz").array.shape == (9, 8, 10)
