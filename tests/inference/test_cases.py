"""Predictions as files: the input's geometry, nothing of the patient, nobody's file destroyed."""

import json
import traceback
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
import torch
from PIL import Image as PillowImage

from segscope.data import find_cases, load_case, read_image, read_label
from segscope.errors import InputError, WorkError
from segscope.images import Case
from segscope.inference import TrainedModel, predict_cases
from segscope.inference import cases as cases_module
from tests.inference.nets import Pointwise, spec_of, threshold_model
from tests.inference.scans_made import contents, write_nifti
from tests.inference.test_predict import noise


@pytest.fixture
def scans(tmp_path):
    (tmp_path / "in").mkdir()
    for k in range(3):
        write_nifti(tmp_path / "in" / f"case{k}_0000.nii.gz", noise(6, 7, 5, seed=k))
    return find_cases(tmp_path / "in", channels=1)


@pytest.fixture
def model():
    return threshold_model(3, above=0.3)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_predictions_lie_on_the_inputs_grid_as_two_other_libraries_read_it(tmp_path, model, ending):
    source = tmp_path / f"scan{ending}"
    write_nifti(tmp_path / "first.nii.gz")
    SimpleITK.WriteImage(SimpleITK.ReadImage(str(tmp_path / "first.nii.gz")), str(source))
    predict_cases(model, [Case("scan", (source,))], tmp_path / "out")
    before, after = (
        SimpleITK.ReadImage(str(file)) for file in (source, tmp_path / "out" / source.name)
    )
    assert after.GetSize() == before.GetSize()
    assert after.GetOrigin() == pytest.approx(before.GetOrigin(), abs=1e-4)
    assert after.GetSpacing() == pytest.approx(before.GetSpacing(), rel=1e-5)
    assert after.GetDirection() == pytest.approx(before.GetDirection(), abs=1e-5)
    expected = SimpleITK.GetArrayFromImage(before) > 0.3
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(after), expected)
    if ending.startswith(".nii"):
        scan, label = nib.load(source), nib.load(tmp_path / "out" / source.name)
        np.testing.assert_allclose(label.affine, scan.affine, atol=1e-5)
        for code in ("qform_code", "sform_code"):
            assert label.header[code] == scan.header[code]


def test_plane_images_are_written_as_png_also_for_jpeg(tmp_path):
    array = (np.arange(12 * 10).reshape(12, 10) * 2).astype(np.uint8)
    for name in ("a.png", "b.jpg"):
        PillowImage.fromarray(array).save(tmp_path / name)
    model = threshold_model(2, above=100.5, ending=".png")
    cases = [Case("a", (tmp_path / "a.png",)), Case("b", (tmp_path / "b.jpg",))]
    predict_cases(model, cases, tmp_path / "out")
    assert [f.name for f in sorted((tmp_path / "out").iterdir())] == [
        "a.png", "b.png", "manifest.json",
    ]  # fmt: skip
    found = np.asarray(PillowImage.open(tmp_path / "out" / "a.png"))
    np.testing.assert_array_equal(found, array > 100.5)


def test_a_dicom_series_is_answered_by_nifti_on_its_grid(tmp_path, shared_data, model):
    series = shared_data / "dicom_samples" / "mr_brain_flair"
    predict_cases(model, find_cases(series, channels=1), tmp_path)
    image, label = read_image(series), read_label(tmp_path / "mr_brain_flair.nii.gz")
    assert label.grid.matches(image.grid)
    np.testing.assert_array_equal(label.array, image.array[0] > 0.3)


def test_nothing_of_the_patient_is_copied(tmp_path, model):
    source = write_nifti(tmp_path / "scan.nii")
    predict_cases(model, [Case("scan", (source,))], tmp_path / "out", probabilities=True)
    assert b"DOE" in source.read_bytes()
    assert len(contents(tmp_path / "out")) == 3
    assert not any(b"DOE" in content for content in contents(tmp_path / "out").values())


def test_probabilities_are_written_beside_the_labels_and_agree_with_them(tmp_path, scans, model):
    predict_cases(model, scans[:1], tmp_path / "out", probabilities=True)
    with np.load(tmp_path / "out" / "case0.npz", allow_pickle=False) as found:
        probabilities, affine = found["probabilities"], found["affine"]
    label = read_label(tmp_path / "out" / "case0.nii.gz")
    assert probabilities.shape == (2, 6, 7, 5)
    np.testing.assert_array_equal(probabilities.argmax(0), label.array)
    np.testing.assert_allclose(affine, label.grid.affine, atol=1e-4)


def other_weights(model):
    return threshold_model(3, above=0.4)


def other_plan(model):
    plan = model.spec.plan.model_copy(update={"crop": True})
    return TrainedModel(model.spec.model_copy(update={"plan": plan}), model.net)


@pytest.mark.parametrize("change", [other_weights, other_plan])
def test_predictions_of_another_model_are_not_taken_for_this_ones(tmp_path, scans, model, change):
    predict_cases(model, scans, tmp_path / "out")
    before = contents(tmp_path / "out")
    with pytest.raises(InputError, match=r"case0\.nii\.gz: exists .*3 such files.*--overwrite"):
        predict_cases(change(model), scans, tmp_path / "out")
    assert contents(tmp_path / "out") == before
    done = predict_cases(change(model), scans, tmp_path / "out", overwrite=True)
    assert len(done.written) == 3


def test_a_changed_input_a_changed_output_and_other_options_are_noticed(tmp_path, scans, model):
    out = tmp_path / "out"
    predict_cases(model, scans[:1], out)
    with pytest.raises(InputError, match="exists"):
        predict_cases(model, scans[:1], out, overlap=0.25)
    (out / "case0.nii.gz").write_bytes(b"drawn by hand")
    with pytest.raises(InputError, match="exists"):
        predict_cases(model, scans[:1], out)
    assert (out / "case0.nii.gz").read_bytes() == b"drawn by hand"
    predict_cases(model, scans[:1], out, overwrite=True)
    write_nifti(scans[0].image_files[0], noise(6, 7, 5, seed=9))
    with pytest.raises(InputError, match="exists"):
        predict_cases(model, scans[:1], out)


@pytest.mark.parametrize("name", ["case1.nii.gz", "case1.npz"])
def test_a_foreign_file_is_never_replaced_unasked(tmp_path, scans, model, name):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_bytes(b"foreign")
    with pytest.raises(InputError, match=name):
        predict_cases(model, scans, tmp_path / "out", probabilities=True)
    assert contents(tmp_path / "out") == {name: b"foreign"}


def test_old_probabilities_do_not_stay_beside_new_labels(tmp_path, scans, model):
    out = tmp_path / "out"
    predict_cases(model, scans[:2], out, probabilities=True)
    (out / "case1.npz").write_bytes(b"changed by its user")
    predict_cases(other_weights(model), scans[:2], out, overwrite=True)
    assert not (out / "case0.npz").exists()
    assert (out / "case1.npz").read_bytes() == b"changed by its user"


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_input_is_never_replaced(tmp_path, model, overwrite):
    source = write_nifti(tmp_path / "scan.nii.gz")
    before = source.read_bytes()
    with pytest.raises(InputError, match="is an input; name another folder"):
        predict_cases(model, [Case("scan", (source,))], tmp_path, overwrite=overwrite)
    assert contents(tmp_path) == {"scan.nii.gz": before}


def test_what_can_be_known_is_refused_before_any_work(tmp_path, scans, model):
    out = tmp_path / "out"
    file = scans[0].image_files[0]
    wrong = [
        Case("gone", (tmp_path / "gone.nii.gz",)),
        Case("two", (file, file)),
        Case("none", ()),
        Case("../up", (file,)),
        Case("case0", (scans[1].image_files[0],)),
    ]
    with pytest.raises(InputError, match="nothing was predicted") as caught:
        predict_cases(model, [*scans, *wrong], out)
    for words in ("gone.nii.gz: no such file", "two: 1 channels expected", "found no file",
                  "'../up': is not a name", "two cases would be written there"):  # fmt: skip
        assert words in str(caught.value)
    with pytest.raises(InputError, match="no case"):
        predict_cases(model, [], out)
    with pytest.raises(InputError, match="is a file"):
        predict_cases(model, scans, file)
    spec = model.spec.model_copy(update={"mirror_axes": ()})
    with pytest.raises(InputError, match="--mirror"):
        predict_cases(TrainedModel(spec, model.net), scans, out, mirror=True)
    assert not out.exists()


def test_cases_that_fail_are_named_and_the_others_are_predicted(tmp_path, scans, model):
    damaged, plane = scans[1].image_files[0], tmp_path / "plane.png"
    damaged.write_bytes(damaged.read_bytes()[:-9])
    PillowImage.fromarray(np.zeros((4, 4), np.uint8)).save(plane)
    with pytest.raises(WorkError, match="2 of 4 cases failed") as caught:
        predict_cases(model, [*scans, Case("plane", (plane,))], tmp_path / "out")
    assert "case1: " in str(caught.value)
    assert "cut short" in str(caught.value)
    assert "plane.png: is 2D, the model is for 3D" in str(caught.value)
    assert contents(tmp_path / "out").keys() == {"case0.nii.gz", "case2.nii.gz", "manifest.json"}
    assert str(caught.value).endswith(f"the others are in {tmp_path / 'out'}")
    with pytest.raises(WorkError, match="1 of 1 cases failed") as caught:
        predict_cases(model, scans[1:2], tmp_path / "out")
    assert "the others" not in str(caught.value)


def test_infinite_voxels_are_refused_and_replaced_when_asked(tmp_path, scans, model):
    array = noise(6, 7, 5)
    array[1, 2, 3] = np.inf
    write_nifti(scans[0].image_files[0], array)
    with pytest.raises(WorkError, match="case0"):
        predict_cases(model, scans[:1], tmp_path / "out")
    done = predict_cases(model, scans[:1], tmp_path / "out", replace_nonfinite=0.0)
    assert done.written == ("case0",)
    assert len(done.notes["case0"]) == 1
    entry = json.loads((tmp_path / "out" / "manifest.json").read_text())["cases"]["case0"]
    assert entry["notes"] == list(done.notes["case0"])


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_stopped_call_leaves_whole_files_and_is_taken_up_again(
    tmp_path, scans, model, monkeypatch, when
):
    out, write = tmp_path / "out", cases_module.write_label

    def stopped(path, label, like=None):
        if path.name.startswith("case1"):
            if when == "after":
                write(path, label, like)
            raise KeyboardInterrupt
        write(path, label, like)

    with monkeypatch.context() as patched:
        patched.setattr(cases_module, "write_label", stopped)
        with pytest.raises(KeyboardInterrupt):
            predict_cases(model, scans, out)
    assert ("case1.nii.gz" in contents(out)) == (when == "after")
    done = predict_cases(model, scans, out)
    assert (done.written, done.reused) == (("case1", "case2"), ("case0",))


def test_a_full_disk_ends_the_work_and_keeps_what_was_there(tmp_path, scans, model, monkeypatch):
    out = tmp_path / "out"
    predict_cases(model, scans, out)
    before = contents(out)

    def full(path, label, like=None):
        raise WorkError("No space left on device")

    monkeypatch.setattr(cases_module, "write_label", full)
    with pytest.raises(WorkError, match="No space left"):
        predict_cases(other_weights(model), scans, out, overwrite=True)
    after = contents(out)
    assert all(after[name] == before[name] for name in before if name != "manifest.json")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError(64), "defect in segscope (please report it with --debug): KeyError: 64"),
        (MemoryError(), "memory ran out"),
        (torch.OutOfMemoryError("CUDA out of memory"), "memory ran out"),
        (RuntimeError("Expected more"), "RuntimeError: Expected more"),
        (np.linalg.LinAlgError("singular"), "LinAlgError: singular"),
        (OSError(5, "Input/output error"), "OSError"),
    ],
    ids=["key", "memory", "GPU memory", "torch", "numpy", "disk"],
)
def test_nothing_that_one_case_does_ends_the_others(
    tmp_path, scans, model, monkeypatch, capsys, error, reason
):
    apply = type(model.spec.plan).apply

    def failing(plan, image):
        if image.notes == ("bad",):
            raise error
        return apply(plan, image)

    def loading(case, **options):
        loaded = load_case(case, **options)
        odd = loaded.image.with_notes(*(["bad"] if case.name == "case1" else []))
        return replace(loaded, image=odd)

    monkeypatch.setattr(type(model.spec.plan), "apply", failing)
    monkeypatch.setattr(cases_module, "load_case", loading)
    with pytest.raises(WorkError, match="1 of 3 cases failed") as caught:
        predict_cases(model, scans, tmp_path / "out")
    assert f"case1: {reason}" in str(caught.value) or reason in str(caught.value)
    assert caught.value.done.written == ("case0", "case2")
    traceback.print_exception(caught.value)
    hidden = "Traceback" in capsys.readouterr().err
    assert hidden or "defect" not in str(caught.value)


def test_values_beyond_float32_are_the_cases_own_fault(tmp_path, scans, model):
    array = np.ones((6, 7, 5))
    array[0, 0, 0] = 1e39
    write_nifti(scans[1].image_files[0], array)
    with pytest.raises(WorkError, match="1 of 3 cases failed") as caught:
        predict_cases(model, scans, tmp_path / "out")
    assert "defect" not in str(caught.value)
    assert str(scans[1].image_files[0]) in str(caught.value)


@pytest.mark.parametrize("ending", [".nii.gz", ".jpg"])
def test_predictions_beside_their_images_are_no_images_the_next_time(tmp_path, ending):
    folder = tmp_path / "in"
    folder.mkdir()
    dims = 3 if ending == ".nii.gz" else 2
    for name in "ab":
        if dims == 3:
            write_nifti(folder / f"{name}_0000.nii.gz")
        else:
            PillowImage.fromarray(np.eye(9, dtype=np.uint8)).save(folder / f"{name}_0000.jpg")
    model = threshold_model(dims, above=0.3)
    for number in range(3):
        done = predict_cases(model, find_cases(folder, channels=1), folder)
        assert (len(done.written), len(done.reused)) == ((2, 0), (0, 2))[number > 0]
    # without their images, predictions are what they are named as: images for another model
    for file in folder.glob("*_0000*"):
        file.unlink()
    assert [case.name for case in find_cases(folder, channels=1)] == ["a", "b"]


def test_two_channels_from_two_files_are_both_used(tmp_path):
    one, two = (
        write_nifti(tmp_path / f"c_000{k}.nii.gz", np.full((4, 4, 4), k + 1.0, np.float32))
        for k in range(2)
    )
    plan = {"channels": [{"name": n, "scheme": "none"} for n in "ab"]}
    spec = spec_of(3).model_copy(update={"channel_names": ("a", "b")})
    spec = spec.model_copy(update={"plan": spec.plan.model_validate(spec.plan.model_dump() | plan)})

    class Second(Pointwise):
        def forward(self, x):
            return self.layer(x[:, 1:])

    model = TrainedModel(spec, Second(3, [0.0, 8.0], [0.0, -12.0]))
    predict_cases(model, [Case("c", (one, two))], tmp_path / "out")
    assert (read_label(tmp_path / "out" / "c.nii.gz").array == 1).all()
    predict_cases(model, [Case("d", (two, one))], tmp_path / "out")
    assert (read_label(tmp_path / "out" / "d.nii.gz").array == 0).all()


def test_predictions_do_not_go_among_a_datasets_own_files(tmp_path, scans, model):
    (tmp_path / "data" / "imagesTr").mkdir(parents=True)
    (tmp_path / "data" / "dataset.json").write_text("{}")
    for name in ("imagesTr", "imagesTs", "labelsTr"):
        with pytest.raises(InputError, match="is where a dataset has its own files"):
            predict_cases(model, scans, tmp_path / "data" / name, overwrite=True)
    assert sorted(f.name for f in (tmp_path / "data").rglob("*")) == ["dataset.json", "imagesTr"]
    assert predict_cases(model, scans, tmp_path / "data" / "predicted").written
