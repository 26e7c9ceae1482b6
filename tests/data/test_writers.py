"""Writing: the input's own geometry, nothing of the patient, the old file or the new one."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from segscope.data import (
    atomic_path,
    copy_file,
    files,
    json_ready,
    read_image,
    read_label,
    write_image,
    write_json,
    write_label,
    write_text,
)
from segscope.errors import InputError, WorkError
from segscope.images import Grid, Image, LabelMap
from tests.preprocessing.orders import affine_of, all_orders


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("oblique", [0.0, 0.3])
def test_all_axis_orders_survive(tmp_path, ending, oblique):
    array = np.random.default_rng(0).integers(0, 4, (3, 4, 5)).astype(np.uint8)
    orders = list(all_orders())
    assert len(orders) == 48
    for k, (order, signs) in enumerate(orders):
        affine = affine_of(order, signs, oblique)
        path = tmp_path / f"{k}{ending}"
        write_label(path, LabelMap(array, Grid(array.shape, affine)))
        again = read_label(path)
        np.testing.assert_array_equal(again.array, array)
        np.testing.assert_allclose(again.grid.affine, affine, atol=1e-5)


def test_nibabel_and_simpleitk_see_the_same_grid_as_the_input(tmp_path):
    affine = affine_of((2, 0, 1), (1, -1, 1), 0.2)
    source = nib.Nifti1Image(np.zeros((3, 4, 5), np.int16), affine)
    nib.save(source, tmp_path / "image.nii.gz")
    image = read_image(tmp_path / "image.nii.gz")
    label = LabelMap(np.ones((3, 4, 5), np.uint8), image.grid)
    write_label(tmp_path / "label.nii.gz", label, like=tmp_path / "image.nii.gz")
    written = nib.load(tmp_path / "label.nii.gz")
    np.testing.assert_allclose(written.affine, nib.load(tmp_path / "image.nii.gz").affine)
    a, b = (SimpleITK.ReadImage(str(tmp_path / f"{n}.nii.gz")) for n in ("image", "label"))
    assert a.GetOrigin() == pytest.approx(b.GetOrigin(), abs=1e-5)
    assert a.GetDirection() == pytest.approx(b.GetDirection(), abs=1e-5)
    assert a.GetSpacing() == pytest.approx(b.GetSpacing(), abs=1e-5)


def test_nothing_of_the_patient_reaches_the_output(tmp_path):
    source = nib.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.eye(4))
    for field in ("descrip", "aux_file", "db_name", "intent_name"):
        source.header[field] = b"Doe^Jane"
    source.header.extensions.append(nib.nifti1.Nifti1Extension(6, b"Doe^Jane"))
    nib.save(source, tmp_path / "image.nii")
    grid = read_image(tmp_path / "image.nii").grid
    label = LabelMap(np.zeros((3, 3, 3), np.uint8), grid)
    write_label(tmp_path / "out.nii", label, like=tmp_path / "image.nii")
    assert b"Doe" in (tmp_path / "image.nii").read_bytes()
    assert b"Doe" not in (tmp_path / "out.nii").read_bytes()


def test_metres_and_codes_of_the_input_are_kept(tmp_path):
    source = nib.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.diag([0.001, 0.001, 0.002, 1]))
    source.header.set_xyzt_units("meter")
    source.set_sform(source.affine, 4)
    nib.save(source, tmp_path / "i.nii")
    grid = read_image(tmp_path / "i.nii").grid
    write_label(
        tmp_path / "o.nii", LabelMap(np.zeros((3, 3, 3), np.uint8), grid), like=tmp_path / "i.nii"
    )
    out = nib.load(tmp_path / "o.nii")
    assert out.header.get_xyzt_units()[0] == "meter"
    assert int(out.header["sform_code"]) == 4
    np.testing.assert_allclose(out.affine, source.affine, rtol=1e-6)


@pytest.mark.parametrize(
    "name", ["with space", "ünïcödé", 'it\'s "quoted"', "a<b>c", "line\nbreak", "-dash", "=1+1"]
)
def test_names_that_people_choose_work(tmp_path, name):
    grid = Grid((2, 2, 2), np.eye(4))
    path = tmp_path / f"{name}.nii.gz"
    write_label(path, LabelMap(np.ones((2, 2, 2), np.uint8), grid))
    assert read_label(path).array.sum() == 8


def test_planes_are_written_losslessly_or_not_at_all(tmp_path):
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    label = LabelMap(array, Grid.from_spacing((3, 4)))
    write_label(tmp_path / "a.png", label)
    np.testing.assert_array_equal(read_label(tmp_path / "a.png").array, array)
    with pytest.raises(InputError, match="changes labels"):
        write_label(tmp_path / "a.jpg", label)
    with pytest.raises(InputError, match="plane image"):
        write_label(tmp_path / "a.nii.gz", label)


def test_float_images_keep_their_bits(tmp_path):
    array = np.random.default_rng(0).standard_normal((1, 3, 4, 5)).astype(np.float32)
    write_image(tmp_path / "a.nii.gz", Image(array, Grid((3, 4, 5), np.eye(4))))
    np.testing.assert_array_equal(read_image(tmp_path / "a.nii.gz").array, array)


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail():
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(WorkError, match="could not be written"):
        write_text(tmp_path / "none" / "a.txt", "x")


def test_json_has_no_nan(tmp_path):
    write_json(tmp_path / "a.json", {"a": float("nan"), "b": [np.float32(1.5), float("inf")]})
    assert (tmp_path / "a.json").read_text() == '{\n "a": null,\n "b": [\n  1.5,\n  null\n ]\n}\n'
    with pytest.raises(TypeError, match="JSON"):
        json_ready({"a": object()})


def test_a_copy_replaces_the_old_file_whole_or_not_at_all(tmp_path, monkeypatch):
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(bytes(range(256)) * 4000)
    target.write_bytes(b"old")

    def full(given, opened):
        opened.write(given.read(1000))
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(files.shutil, "copyfileobj", full)
        with pytest.raises(WorkError, match="b: could not be written"):
            copy_file(source, target)
    assert target.read_bytes() == b"old"
    copy_file(source, target)
    assert target.read_bytes() == source.read_bytes()
    with pytest.raises(InputError, match="nothing: no such file"):
        copy_file(tmp_path / "nothing", target)
    assert target.read_bytes() == source.read_bytes()
    assert {file.name for file in tmp_path.iterdir()} == {"a", "b"}
