"""Channels and label of a case, on one grid or refused."""

import json

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture
from scipy import ndimage

from segscope.data import ReadOptions, load_case, load_of, open_dataset, read_label_of, write_image
from segscope.data.loading import _onto
from segscope.errors import InputError
from segscope.images import Case, Grid, Image, LabelMap
from tests.synthetic import write_volume_dataset


@pytest.fixture
def case(tmp_path):
    folder = write_volume_dataset(tmp_path / "data", cases=1, shape=(12, 10, 8))
    return open_dataset(folder).training[0]


def store(file, array, affine):
    nib.save(nib.Nifti1Image(array, affine), file)


def move_label(case, change):
    label = nib.load(case.label_file)
    array = np.asarray(label.dataobj)
    affine = label.affine.copy()
    change(affine)
    store(case.label_file, array, affine)
    return array


def test_a_label_on_another_grid_is_refused_or_resampled(case):
    def shift(affine):
        affine[0, 3] += 2.0

    array = move_label(case, shift)
    with pytest.raises(InputError, match=r"c0\.nii\.gz.*c0_0000\.nii\.gz: .* up to 2 mm apart"):
        load_case(case, channels=1)
    loaded = load_case(case, channels=1, reading=ReadOptions(resample_labels=True))
    np.testing.assert_array_equal(loaded.label.array[2:], array[:-2])
    assert not loaded.label.array[:2].any()
    assert (
        "resampled onto the image's grid (corners lie up to 2 mm apart)" in loaded.label.notes[-1]
    )


def test_a_tenth_of_a_voxel_is_forgiven(case):
    def shift(affine):
        affine[0, 3] += 0.09

    move_label(case, shift)
    assert load_case(case, channels=1).label is not None


def test_another_spacing_is_refused_even_where_corners_cannot_show_it(tmp_path):
    store(tmp_path / "i.nii", np.ones((4, 4, 1), np.int16), np.diag([1.0, 1, 1, 1]))
    store(tmp_path / "l.nii", np.ones((4, 4, 1), np.uint8), np.diag([1.0, 1, 5, 1]))
    with pytest.raises(
        InputError, match=r"spacings 1 x 1 x 5 mm and 1 x 1 x 1 mm differ by up to 4"
    ):
        load_case(Case("c", (tmp_path / "i.nii",), tmp_path / "l.nii"), channels=1)


def test_channels_that_do_not_lie_together_are_named_with_both_files(case, tmp_path):
    file = tmp_path / "other.nii.gz"
    affine = np.diag([1.0, 1.0, 1.5, 1.0])
    affine[2, 3] = 3.0
    store(file, np.ones((12, 10, 8), np.int16), affine)
    two = Case("c", (*case.image_files, file))
    with pytest.raises(InputError, match=r"other\.nii\.gz: is not on the grid of .*c0_0000.* 3 mm"):
        load_case(two, channels=2)
    store(file, np.ones((12, 10, 9), np.int16), affine)
    with pytest.raises(InputError, match=r"shape \(12, 10, 9\) where \(12, 10, 8\) is expected"):
        load_case(two, channels=2)


def test_channels_are_joined_in_their_order(case, tmp_path):
    file = tmp_path / "other.nii.gz"
    store(file, np.full((12, 10, 8), 7, np.int16), np.diag([1.0, 1.0, 1.5, 1.0]))
    image = load_case(Case("c", (*case.image_files, file)), channels=2).image
    assert image.array.shape == (2, 12, 10, 8)
    assert (image.array[1] == 7).all()
    np.testing.assert_array_equal(image.array[0], nib.load(case.image_files[0]).dataobj)


def test_a_missing_channel_names_expected_and_found(case):
    with pytest.raises(InputError, match=r"2 channels expected, 1 found in c0_0000\.nii\.gz"):
        load_case(case, channels=2)


def test_every_file_of_a_case_is_named_when_several_are_broken(case):
    case.image_files[0].write_bytes(b"")
    case.label_file.write_bytes(b"broken")
    with pytest.raises(InputError) as caught:
        load_case(case, channels=1)
    assert len(caught.value.problems) == 2
    assert "is empty" in caught.value.problems[0]
    assert "not gzip" in caught.value.problems[1]


def test_nonfinite_voxels_are_replaced_when_asked(case, tmp_path):
    array = np.ones((12, 10, 8), np.float32)
    array[1, 2, 3] = np.nan
    store(case.image_files[0], array, np.diag([1.0, 1.0, 1.5, 1.0]))
    with pytest.raises(InputError, match="NaN"):
        load_case(case, channels=1)
    loaded = load_case(case, channels=1, reading=ReadOptions(replace_nonfinite=-5.0))
    assert loaded.image.array[0, 1, 2, 3] == -5
    assert "replaced by -5" in loaded.image.notes[0]


def test_plane_images_of_other_sizes_are_not_resampled(tmp_path):
    # a picture has no position: stretching or cropping it would be a guess
    for name, side in (("i.png", 8), ("l.png", 9)):
        array = np.zeros((1, side, side), np.uint8)
        write_image(tmp_path / name, Image(array, Grid.from_spacing((side, side))))
    case = Case("c", (tmp_path / "i.png",), tmp_path / "l.png")
    with pytest.raises(InputError, match=r"shape \(9, 9\) where \(8, 8\)"):
        load_case(case, channels=1, reading=ReadOptions(resample_labels=True))


def test_a_grey_picture_among_colours_is_told_with_the_way_to_make_it_one(tmp_path):
    file, grid = tmp_path / "i.png", Grid.from_spacing((8, 8))
    write_image(file, Image(np.full((1, 8, 8), 9, np.uint8), grid))
    with pytest.raises(InputError, match=r"convert it to RGB \(with Pillow"):
        load_case(Case("c", (file,)), channels=3)
    Picture.open(file).convert("RGB").save(file)  # what the message says
    assert (load_case(Case("c", (file,)), channels=3).image.array == 9).all()


def test_one_rgb_file_is_three_channels(shared_data):
    dataset = open_dataset(shared_data / "isic2017_skin")
    loaded = load_case(dataset.training[0], channels=3, labels=dataset.labels)
    assert loaded.image.array.shape == (3, 256, 256)
    with pytest.raises(InputError, match="1 channels expected, 3 found"):
        load_case(dataset.training[0], channels=1)


angles = st.floats(-0.5, 0.5)


@given(angles, st.floats(0.7, 1.6), st.integers(0, 99))
def test_nearest_labels_agree_with_scipy_inside_and_are_background_outside(angle, zoom, seed):
    cos, sin = np.cos(angle), np.sin(angle)
    affine = np.eye(4)
    affine[:2, :2] = zoom * np.array([[cos, -sin], [sin, cos]])
    affine[:3, 3] = (1.13, -0.71, 0.37)  # no ties
    label = np.random.default_rng(seed).integers(1, 5, (7, 6, 5)).astype(np.uint8)
    grid = Grid((6, 7, 8), affine)
    found = _onto(grid, LabelMap(label, Grid.from_spacing(label.shape)), "").array
    voxels = np.moveaxis(grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1)), -1, 0)
    wanted = ndimage.map_coordinates(label, voxels, order=0, mode="nearest")
    outside = ~((voxels >= -0.5) & (voxels < np.array(label.shape)[:, None, None, None] - 0.5))
    np.testing.assert_array_equal(found, np.where(outside.any(0), 0, wanted))


def test_a_label_resampled_onto_its_own_grid_is_itself():
    array = np.random.default_rng(0).integers(0, 3, (4, 5, 6)).astype(np.uint8)
    grid = Grid(
        array.shape, np.array([[0, -2, 0, 9], [1.5, 0, 0, 1], [0, 0, 3, 2], [0, 0, 0, 1.0]])
    )
    np.testing.assert_array_equal(_onto(grid, LabelMap(array, grid), "").array, array)


def test_stored_values_are_mapped_to_labels_as_the_dataset_says(tmp_path):
    folder = write_volume_dataset(tmp_path / "data", cases=2, shape=(8, 8, 8))
    file = folder / "labelsTr" / "c0.nii.gz"
    label = nib.load(file)
    array = np.asarray(label.dataobj).astype(np.uint8)
    store(file, np.where(array == 2, 255, array).astype(np.uint8), label.affine)
    with pytest.raises(InputError, match=r'255 .*write e\.g\. "label_mapping": \{"255": 1\} into'):
        load_of(open_dataset(folder), open_dataset(folder).training[0])
    facts = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps(facts | {"label_mapping": {"255": 2}}))
    dataset = open_dataset(folder)
    loaded = load_of(dataset, dataset.training[0])
    np.testing.assert_array_equal(loaded.label.array, array)
    assert "stored value 255 read as label 2" in loaded.label.notes
    np.testing.assert_array_equal(read_label_of(dataset, dataset.training[0]).array, array)
    assert load_of(dataset, dataset.training[1]).label.notes == ()


@pytest.mark.parametrize("mapping", [{"x": 1}, {"255": -1}, {"255": "1"}, [255], {"70000": 1}])
def test_an_unusable_mapping_is_named(tmp_path, mapping):
    folder = write_volume_dataset(tmp_path / "data", cases=1, shape=(8, 8, 8))
    facts = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps(facts | {"label_mapping": mapping}))
    with pytest.raises(InputError, match=r"dataset\.json: label_mapping is"):
        open_dataset(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nothing_is_replaced_by_what_is_not_finite(value):
    with pytest.raises(InputError, match="not finite itself"):
        ReadOptions(replace_nonfinite=value)
