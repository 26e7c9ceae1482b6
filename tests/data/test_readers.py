"""The verified read path: every damage is refused, every awkward but right file is read right."""

import gzip
import itertools
import math
import re
import struct

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from segscope.data import Limits, ReadOptions, read_image, read_label, read_verified
from segscope.data.decoders.dicom import decode_series
from segscope.errors import InputError

AFFINE = np.diag([1.0, 2.0, 3.0, 1.0])


def volume(shape=(4, 5, 6), dtype=np.int16):
    return np.arange(math.prod(shape)).reshape(shape).astype(dtype)


def save(path, array=None, affine=AFFINE, **header):
    image = nib.Nifti1Image(volume() if array is None else array, affine)
    for key, value in header.items():
        image.header[key] = value
    nib.save(image, path)
    return path


def patched(tmp_path, offset, data, name="x.nii"):
    """A good uncompressed file with bytes of its header replaced."""
    raw = bytearray(save(tmp_path / "good.nii").read_bytes())
    raw[offset : offset + len(data)] = data
    path = tmp_path / name
    path.write_bytes(bytes(raw))
    return path


def refused(path, words, reader=read_image, **options):
    with pytest.raises(InputError, match=words) as caught:
        reader(path, **options)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truncated_gzip_is_refused(tmp_path):
    whole = save(tmp_path / "a.nii.gz").read_bytes()
    (tmp_path / "b.nii.gz").write_bytes(whole[:-20])
    refused(tmp_path / "b.nii.gz", "cut short|damaged")


def test_a_wrong_checksum_is_refused(tmp_path):
    raw = bytearray(save(tmp_path / "a.nii.gz").read_bytes())
    raw[-6] ^= 1
    (tmp_path / "a.nii.gz").write_bytes(bytes(raw))
    refused(tmp_path / "a.nii.gz", "damaged")


@given(place=st.floats(0.03, 0.999), bit=st.integers(0, 7))
@settings(max_examples=60)
def test_no_flipped_bit_goes_through(tmp_path_factory, place, bit):
    folder = tmp_path_factory.mktemp("flip")
    random = np.random.default_rng(0).integers(0, 1000, (8, 8, 8)).astype(np.int16)
    raw = bytearray(save(folder / "a.nii.gz", random).read_bytes())
    where = 10 + int(place * (len(raw) - 10))
    raw[where] ^= 1 << bit
    (folder / "a.nii.gz").write_bytes(bytes(raw))
    try:
        found = read_image(folder / "a.nii.gz").array[0]
    except InputError:
        return
    assert np.array_equal(found, random), "a changed file may only be read if its voxels are right"


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.nii.gz", b"", "is empty"),
        ("a.nii.gz", b"plain text", "not gzip"),
        ("a.nii", b"plain text", "too few"),
        ("a.nii", b"x" * 400, "is not NIfTI"),
        ("a.txt", b"x", "unknown kind"),
        ("a.png", b"not a picture", "cannot be decoded"),
        ("a.nrrd", b"not an nrrd", "is not NRRD"),
        ("a.mha", b"not an mha", "is not MetaImage"),
        ("a.nii.gz", gzip.compress(b"x" * 500, mtime=0), "is not NIfTI"),
    ],
    ids=[
        "empty", "text as gzip", "short text as NIfTI", "long text as NIfTI", "unknown ending",
        "text as PNG", "text as NRRD", "text as MetaImage", "gzip of text",
    ],
)  # fmt: skip
def test_what_is_no_image_is_refused(tmp_path, name, data, words):
    (tmp_path / name).write_bytes(data)
    refused(tmp_path / name, words)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    refused(tmp_path / "none.nii.gz", "no such file")
    refused(tmp_path, "folder without DICOM")
    refused(tmp_path, "is a folder", read_label)


def test_trailing_garbage_is_refused(tmp_path):
    path = save(tmp_path / "a.nii.gz")
    path.write_bytes(path.read_bytes() + b"garbage")
    refused(path, "7 bytes follow")


def test_a_bomb_is_refused(tmp_path):
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(b"\0" * 50_000_000))
    with pytest.raises(InputError, match="decompresses to more"):
        read_verified(path, limits=Limits(max_bytes=1_000_000))


@pytest.mark.parametrize(
    ("offset", "data", "words"),
    [
        (42, struct.pack("<h", -4), "sides"),
        (42, struct.pack("<h", 32767), "announces"),
        (40, struct.pack("<h", 9), "dimensions"),
        (70, struct.pack("<h", 9999), "unknown datatype"),
        (72, struct.pack("<h", 8), "bits per voxel"),
        (108, struct.pack("<f", 4096.0), "announces"),
        (108, struct.pack("<f", 10.0), "inside its header"),
        (108, struct.pack("<f", float("nan")), "inside its header"),
        (112, struct.pack("<f", float("inf")), "scaling"),
        (116, struct.pack("<f", float("inf")), "scaling"),
        (280, struct.pack("<f", float("nan")), "affine"),
        (280, struct.pack("<ffff", 0, 0, 0, 0), "affine"),
        (344, b"bad\0", "magic"),
    ],
)
def test_a_header_that_cannot_be_is_refused(tmp_path, offset, data, words):
    refused(patched(tmp_path, offset, data), words)


def test_missing_and_extra_bytes_are_refused(tmp_path):
    raw = save(tmp_path / "a.nii").read_bytes()
    for k, changed in enumerate((raw[:-2], raw + b"\0\0")):
        path = tmp_path / f"{k}.nii"
        path.write_bytes(changed)
        refused(path, "announces")


def test_nonfinite_voxels_are_counted_and_replaced_only_on_request(tmp_path):
    array = np.zeros((3, 3, 3), np.float32)
    array[1, 2, 0], array[2, 2, 2] = np.nan, np.inf
    path = save(tmp_path / "a.nii.gz", array)
    refused(path, r"2 voxels .* first at \(1, 2, 0\)")
    image = read_image(path, reading=ReadOptions(replace_nonfinite=-1.0))
    assert image.array[0, 1, 2, 0] == image.array[0, 2, 2, 2] == -1
    assert "2 NaN or infinite voxels replaced" in image.notes[0]


def test_huge_finite_values_are_not_mistaken_for_infinite_ones(tmp_path):
    array = np.full((4, 4, 4), 3e38, np.float32)
    assert read_image(save(tmp_path / "a.nii", array)).array.max() == np.float32(3e38)


def test_four_dimensions_are_squeezed_when_one_volume_and_refused_when_more(tmp_path):
    one = read_image(save(tmp_path / "a.nii.gz", volume((3, 3, 3, 1))))
    assert one.array.shape == (1, 3, 3, 3)
    assert "squeezed" in one.notes[0]
    refused(save(tmp_path / "b.nii.gz", volume((3, 3, 3, 2))), "holds 2 volumes")


def test_colour_and_complex_are_refused(tmp_path):
    colour = np.zeros((3, 3, 3), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(colour, AFFINE), tmp_path / "a.nii.gz")
    refused(tmp_path / "a.nii.gz", "colour, complex")
    refused(save(tmp_path / "b.nii.gz", np.zeros((3, 3, 3), np.complex64)), "colour, complex")


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8", "i8"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_number_type_and_byte_order_is_read_as_nibabel_reads_it(tmp_path, kind, order):
    array = volume(dtype=np.dtype(kind) if kind != "i1" else np.int8)
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(np.dtype(kind))
    image = nib.Nifti1Image(array, AFFINE, header, dtype=np.dtype(kind))
    nib.save(image, tmp_path / "a.nii.gz")
    found = read_image(tmp_path / "a.nii.gz")
    expected = nib.load(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(found.array[0], expected.get_fdata())
    np.testing.assert_array_equal(found.grid.affine, expected.affine)


def test_scaled_values_are_those_of_nibabel(tmp_path):
    image = nib.Nifti1Image(volume(), AFFINE)
    image.header.set_slope_inter(0.01, -3)
    nib.save(image, tmp_path / "a.nii.gz")
    expected = np.asarray(nib.load(tmp_path / "a.nii.gz").dataobj, np.float32)
    np.testing.assert_array_equal(read_image(tmp_path / "a.nii.gz").array[0], expected)


def test_metres_become_millimetres_and_that_is_said(tmp_path):
    image = nib.Nifti1Image(volume(), np.diag([0.001, 0.002, 0.003, 1]))
    image.header.set_xyzt_units("meter")
    nib.save(image, tmp_path / "a.nii")
    found = read_image(tmp_path / "a.nii")
    assert found.grid.spacing_mm == pytest.approx((1, 2, 3))
    assert "meter to mm" in found.notes[0]


def test_forms_that_differ_are_said_and_the_sform_wins(tmp_path):
    image = nib.Nifti1Image(volume(), AFFINE)
    image.set_qform(np.diag([1.0, 2.0, 3.5, 1.0]), 1)
    image.set_sform(AFFINE, 1)
    nib.save(image, tmp_path / "a.nii")
    found = read_image(tmp_path / "a.nii")
    np.testing.assert_array_equal(found.grid.affine, AFFINE)
    assert "differ by up to 2.5 mm" in found.notes[0]


def test_no_orientation_code_is_said(tmp_path):
    image = nib.Nifti1Image(volume(), None)
    image.header["qform_code"] = image.header["sform_code"] = 0
    nib.save(image, tmp_path / "a.nii")
    assert "no orientation code" in read_image(tmp_path / "a.nii").notes[0]


def test_shear_is_refused_or_resampled(tmp_path):
    sheared = AFFINE.copy()
    sheared[0, 1] = 0.5
    path = save(tmp_path / "a.nii", affine=sheared)
    refused(path, "sheared by")
    upright = read_image(path, reading=ReadOptions(resample_shear=True))
    cosines = upright.grid.directions.T @ upright.grid.directions
    np.testing.assert_allclose(cosines, np.eye(3), atol=1e-9)
    assert "resampled" in upright.notes[-1]


def test_directions_off_by_rounding_are_kept(tmp_path):
    turned = np.eye(4)
    turned[:3, :3] = [[0.8, -0.6001, 0], [0.6, 0.8, 0], [0, 0, 1.0]]
    found = read_image(save(tmp_path / "a.nii", affine=turned))
    np.testing.assert_allclose(found.grid.affine, turned, atol=1e-7)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.full((2, 2, 2), 0.5, np.float32), "not whole"),
        (np.full((2, 2, 2), -1, np.int16), "negative"),
        (np.full((2, 2, 2), 255, np.uint8), r"255 \(8 voxels\)"),
        (np.full((2, 2, 2), 70000, np.int32), "at most 65535"),
    ],
)
def test_labels_that_cannot_be_are_refused(tmp_path, array, words):
    path = save(tmp_path / "a.nii.gz", array)
    refused(path, words, read_label, labels={"background": 0, "x": 1})


def test_labels_stored_as_floats_are_read_and_that_is_said(tmp_path):
    label = read_label(save(tmp_path / "a.nii.gz", np.full((2, 2, 2), 1.0005, np.float32)))
    assert label.array.dtype == np.uint8
    assert label.array.max() == 1
    assert "whole numbers" in label.notes[0]


@pytest.mark.parametrize("ending", [".nrrd", ".mha"])
def test_nrrd_and_mha_lie_where_the_nifti_lies(tmp_path, ending):
    random = np.random.default_rng(0).integers(0, 99, (5, 4, 3)).astype(np.int16)
    image = SimpleITK.GetImageFromArray(random)
    image.SetSpacing((0.5, 1.5, 2.0))
    image.SetOrigin((10, -20, 30))
    image.SetDirection((0, -1, 0, 1, 0, 0, 0, 0, 1))
    for name in ("a" + ending, "a.nii.gz"):
        SimpleITK.WriteImage(image, str(tmp_path / name), True)
    ours, nifti = read_image(tmp_path / ("a" + ending)), read_image(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(ours.array, nifti.array)
    np.testing.assert_allclose(ours.grid.affine, nifti.grid.affine, atol=1e-5)


@pytest.mark.parametrize("ending", [".nrrd", ".mha"])
@pytest.mark.parametrize("compressed", [True, False])
def test_truncated_nrrd_and_mha_are_refused(tmp_path, ending, compressed):
    random = np.random.default_rng(0).integers(0, 999, (9, 9, 9)).astype(np.int16)
    path = tmp_path / f"a{ending}"
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(random), str(path), compressed)
    path.write_bytes(path.read_bytes()[:-200])
    refused(path, "cut short|damaged|announces")


def test_plane_images(tmp_path):
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    rgb = np.stack([grey, grey + 1, grey + 2], -1)
    PillowImage.fromarray(grey).save(tmp_path / "g.png")
    PillowImage.fromarray(rgb).save(tmp_path / "c.png")
    PillowImage.fromarray(grey.astype(np.uint16) * 1000).save(tmp_path / "h.png")
    PillowImage.fromarray(grey.astype(np.float32) / 7).save(tmp_path / "f.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "g.png").array, grey[None])
    np.testing.assert_array_equal(read_image(tmp_path / "c.png").array, np.moveaxis(rgb, -1, 0))
    assert read_image(tmp_path / "h.png").array.max() == 11000
    np.testing.assert_array_equal(read_image(tmp_path / "f.tif").array[0], grey / np.float32(7))
    refused(tmp_path / "c.png", "colour image", read_label)


def test_a_transparent_picture_is_refused_and_an_opaque_one_read(tmp_path):
    rgba = np.full((3, 3, 4), 255, np.uint8)
    PillowImage.fromarray(rgba).save(tmp_path / "o.png")
    assert "opaque" in read_image(tmp_path / "o.png").notes[0]
    rgba[0, 0, 3] = 7
    PillowImage.fromarray(rgba).save(tmp_path / "t.png")
    refused(tmp_path / "t.png", "transparent")


def test_a_truncated_picture_and_a_stack_are_refused(tmp_path):
    random = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    PillowImage.fromarray(random).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:-500])
    refused(tmp_path / "b.png", "cannot be decoded")
    frames = [PillowImage.fromarray(random)] * 2
    frames[0].save(tmp_path / "s.tif", save_all=True, append_images=frames[1:])
    refused(tmp_path / "s.tif", "2 pages")


def test_real_volumes_equal_nibabels_reading(shared_data):
    files = sorted((shared_data / "single_case_samples").glob("*/*.nii.gz"))
    files += sorted((shared_data / "hippocampus" / "imagesTr").glob("*.nii.gz"))[:10]
    assert len(files) == 22
    for file in files:
        expected = nib.load(file)
        found = read_image(file)
        np.testing.assert_array_equal(
            found.array[0], np.asarray(expected.dataobj).astype(found.array.dtype)
        )
        np.testing.assert_array_equal(found.grid.affine, expected.affine)


SERIES = ["mr_brain_flair", "ct_abdomen_jpeg2000/ct", "ct_3slice_with_dicom_seg/ct"]
SERIES += [f"mr_hippocampus_crop/study{k}" for k in (1, 2, 3)]


@pytest.mark.parametrize("name", SERIES)
def test_real_series_equal_simpleitks_reading(shared_data, name):
    folder = shared_data / "dicom_samples" / name
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    expected = reader.Execute()
    found = read_image(folder)
    np.testing.assert_array_equal(
        found.array[0], SimpleITK.GetArrayFromImage(expected).transpose(2, 1, 0)
    )
    for corner in itertools.product(*((0, s - 1) for s in found.grid.shape)):
        lps = np.array(expected.TransformIndexToPhysicalPoint(corner))
        np.testing.assert_allclose(found.grid.to_world(corner), lps * [-1, -1, 1], atol=1e-3)


def test_slices_lie_at_their_positions_not_at_their_thickness(shared_data):
    grid = read_image(shared_data / "dicom_samples" / "mr_brain_flair").grid
    assert grid.spacing_mm[2] == pytest.approx(6.5)


def test_a_series_with_a_missing_slice_is_refused_with_its_positions(shared_data, tmp_path):
    files = sorted((shared_data / "dicom_samples" / "ct_abdomen_jpeg2000" / "ct").iterdir())
    for file in (*files[:7], *files[8:]):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    refused(tmp_path, "missing or unevenly spaced .* positions in mm")


def test_a_tilted_gantry_is_refused_or_brought_upright_where_it_lies(shared_data, tmp_path):
    import pydicom

    files = sorted((shared_data / "dicom_samples" / "ct_abdomen_jpeg2000" / "ct").iterdir())
    for number, file in enumerate(files):
        tilted = pydicom.dcmread(file)
        place = [float(v) for v in tilted.ImagePositionPatient]
        tilted.ImagePositionPatient = [place[0], place[1] + place[2] * math.tan(math.radians(10))]
        tilted.ImagePositionPatient.append(place[2])
        tilted.save_as(tmp_path / f"{number}.dcm")
    with pytest.raises(InputError, match=r"sheared by 10\.0 degrees .*--resample-shear"):
        read_image(tmp_path)
    upright = read_image(tmp_path, reading=ReadOptions(resample_shear=True))
    assert any("tilted by 10.0 degrees" in note for note in upright.notes)
    assert upright.grid.shape[1] > upright.grid.shape[0]  # it covers what the tilt swept over
    affine = decode_series(tmp_path).affine
    places = sorted(
        (pydicom.dcmread(f).ImagePositionPatient for f in tmp_path.iterdir()), key=lambda p: p[2]
    )
    for k, (x, y, z) in enumerate(places):
        assert affine[:3] @ [0, 0, k, 1] == pytest.approx([-float(x), -float(y), float(z)], abs=0.1)


def test_mixed_series_are_refused(shared_data, tmp_path):
    for k in (1, 2):
        folder = shared_data / "dicom_samples" / "mr_hippocampus_crop" / f"study{k}"
        for file in folder.iterdir():
            (tmp_path / f"{k}{file.name}").write_bytes(file.read_bytes())
    refused(tmp_path, "mixes 2 values of")


def test_a_segmentation_object_is_no_series(shared_data):
    with pytest.raises(InputError, match="is no image slice"):
        read_image(shared_data / "dicom_samples" / "ct_3slice_with_dicom_seg" / "seg")


@pytest.mark.parametrize(
    ("ending", "line"), [(".nrrd", rb"space[^\n]*\n"), (".mha", rb"ElementSpacing[^\n]*\n")]
)
def test_a_header_without_spacing_is_said(tmp_path, ending, line):
    file = tmp_path / f"a{ending}"
    image = SimpleITK.GetImageFromArray(np.zeros((3, 4, 5), np.uint8))
    SimpleITK.WriteImage(image, str(file))
    assert read_image(file).notes == ()
    file.write_bytes(re.sub(line, b"", file.read_bytes()))
    found = read_image(file)
    assert found.notes == ("its header gives no spacing; 1 mm is assumed",)
    np.testing.assert_array_equal(found.grid.spacing_mm, 1)


STAND_INS = {
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "run git lfs pull"),
    "git-annex": (b"/annex/objects/MD5E-s3--0.nii.gz\n", "run git annex get"),
    "a web page": (b"<!DOCTYPE html>\n<html>404</html>", "is a web page"),
}


@pytest.mark.parametrize("kind", STAND_INS)
@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".nrrd", ".mha", ".png", ".tif", ".jpg"])
def test_what_stands_in_for_a_file_that_was_not_fetched_is_named(tmp_path, kind, ending):
    data, words = STAND_INS[kind]
    path = tmp_path / f"a{ending}"
    path.write_bytes(data)
    with pytest.raises(InputError, match=words):
        read_image(path)


def test_gzip_under_a_plain_name_is_named(tmp_path):
    path = tmp_path / "a.nii"
    path.write_bytes(gzip.compress(bytes(400)))
    with pytest.raises(InputError, match=r"is gzip .*; rename it to end in \.nii\.gz"):
        read_image(path)
