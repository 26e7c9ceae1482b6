"""Cases to predict, wherever they are."""

import pytest

from segscope.data import find_cases
from segscope.errors import InputError
from tests.synthetic import write_volume_dataset


def names(cases):
    return [case.name for case in cases]


def touch(folder, *files):
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (folder / file).write_bytes(b"x")
    return folder


def test_a_file_a_folder_and_a_dataset_give_the_same_cases(tmp_path):
    data = write_volume_dataset(tmp_path / "data", cases=3, shape=(6, 7, 8))
    images = data / "imagesTr"
    assert names(find_cases(images / "c0_0000.nii.gz", channels=1)) == ["c0"]
    assert names(find_cases(images, channels=1)) == ["c0", "c1", "c2"]
    assert find_cases(data, channels=1) == find_cases(images, channels=1)
    assert all(case.label_file is None for case in find_cases(data, channels=1))


def test_a_dataset_gives_its_test_images_even_where_labels_are_broken(tmp_path):
    data = write_volume_dataset(tmp_path / "data", cases=3, shape=(6, 7, 8))
    (data / "labelsTr" / "c0.nii.gz").unlink()
    touch(data / "imagesTs", "t_0000.nii.gz", "._t_0000.nii.gz")
    assert names(find_cases(data, channels=1)) == ["t"]
    with pytest.raises(InputError, match=r"has the channels MR, 2 expected by the model"):
        find_cases(data, channels=2)


def test_dicom_series_are_found_alone_and_in_a_folder(shared_data, tmp_path):
    dicom = shared_data / "dicom_samples"
    assert names(find_cases(dicom / "mr_brain_flair", channels=1)) == ["mr_brain_flair"]
    crops = dicom / "mr_hippocampus_crop"
    assert names(find_cases(crops, channels=1)) == ["study1", "study2", "study3"]
    for number, series in enumerate(crops.iterdir()):
        if series.is_dir():
            (tmp_path / f"s{number}").symlink_to(series)
    touch(tmp_path, "a.nii.gz")
    with pytest.raises(InputError, match=r"holds DICOM series .* and image files \(a\.nii\.gz\)"):
        find_cases(tmp_path, channels=1)


@pytest.mark.parametrize(
    ("files", "channels", "expected"),
    [
        (["a_0000.nii.gz", "a_0001.nii.gz", "b_0000.nii.gz", "b_0001.nii.gz"], 2, ["a", "b"]),
        (["a.nii.gz", "b_0000.nii.gz"], 1, ["a", "b"]),
        (["slice_0001.png", "slice_0002.png"], 1, ["slice_0001", "slice_0002"]),
        (["photo_0007.jpg", "photo_0008.jpg"], 3, ["photo_0007", "photo_0008"]),
        (["a_0000.png", "b_0000.png"], 3, ["a", "b"]),
        (["a.nii", "b.png", "readme.txt", ".hidden.nii"], 1, ["a", "b"]),
        (["new\nline_0000.nii", "-x_0000.nii", "=1_0000.nii"], 1, ["-x", "=1", "new\nline"]),
    ],
)
def test_files_in_a_folder_become_cases(tmp_path, files, channels, expected):
    assert names(find_cases(touch(tmp_path, *files), channels=channels)) == expected


@pytest.mark.parametrize(
    ("file", "channels", "expected"),
    [("a_0000.nii.gz", 1, "a"), ("a_0007.nii.gz", 1, "a_0007"), ("a_0007.png", 3, "a_0007")],
)
def test_a_single_file_keeps_a_number_that_is_no_channel(tmp_path, file, channels, expected):
    touch(tmp_path, file)
    assert names(find_cases(tmp_path / file, channels=channels)) == [expected]


def test_one_channels_file_brings_the_others(tmp_path):
    touch(tmp_path, "a_0000.nii", "a_0001.nii")
    (case,) = find_cases(tmp_path / "a_0001.nii", channels=2)
    assert [file.name for file in case.image_files] == ["a_0000.nii", "a_0001.nii"]


@pytest.mark.parametrize(
    ("files", "channels", "words"),
    [
        (["a_0000.nii"], 2, r"expected a_0000\.nii, a_0001\.nii, found a_0000\.nii"),
        (["a_0000.nii", "a_0001.nii"], 1, r"expected a_0000\.nii, found a_0000\.nii, a_0001\.nii"),
        (["a.nii", "a.nii.gz"], 1, r"case a is there twice, a\.nii and a\.nii\.gz"),
        (["a.png", "a_0000.png"], 1, r"a_0000\.png: is case a as a\.png is"),
        (["a.txt"], 1, "holds no image"),
    ],
)
def test_a_folder_that_is_not_clear_is_refused(tmp_path, files, channels, words):
    with pytest.raises(InputError, match=words):
        find_cases(touch(tmp_path, *files), channels=channels)


@pytest.mark.parametrize(
    ("file", "channels", "words"),
    [
        ("a_0000.nii", 2, r"expected a_0000\.nii, a_0001\.nii, found a_0000\.nii"),
        ("a.dcm", 1, "the folder of a series"),
        ("nothing.nii", 1, "no such file"),
    ],
)
def test_a_file_that_is_not_a_case_is_refused(tmp_path, file, channels, words):
    touch(tmp_path, "a_0000.nii", "a.dcm")
    with pytest.raises(InputError, match=words):
        find_cases(tmp_path / file, channels=channels)
