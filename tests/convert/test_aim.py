"""What a dataset holds is decided once."""

import pytest

from segscope.convert.aim import common_ending, is_named, names_in, take_aim
from segscope.convert.layout import pairs_layout
from segscope.convert.scan import find_cases, look_into
from segscope.errors import InputError
from tests.convert import dicom_trees as dicom
from tests.convert.more_trees import mask, volume
from tests.convert.trees import colours, picture, square


def test_objects_with_names_are_known_by_the_file(tmp_path):
    dicom.rtstruct(tmp_path / "plan", {"b": [], "a": []})
    volume(tmp_path / "a.nii.gz")
    (tmp_path / "x.bin").write_bytes(b"1" * 200)
    found = [is_named(tmp_path / name) for name in ("plan", "a.nii.gz", "x.bin")]
    assert found == [True, False, False]
    assert names_in(tmp_path / "plan") == ["b", "a"]


def test_planes_among_volumes():
    assert common_ending(["a.mha", "b.nii"]) == ".nii.gz"
    with pytest.raises(InputError, match="finds planes and volumes"):
        common_ending(["a.png", "b.nii"])


def aim(place, labels, **changes):
    layout = pairs_layout("images", "masks", labels, changes=changes)
    source = look_into(place)
    found = find_cases(layout, source, ())
    return take_aim(layout, found, place, (), layout.labels, link=False)


def test_values_that_nobody_names_get_names(tmp_path):
    volume(tmp_path / "images" / "a.nii.gz")
    mask(tmp_path / "masks" / "a.nii.gz", 3, 7)
    assert aim(tmp_path, {}).classes == {"background": 0, "label_3": 1, "label_7": 2}
    assert aim(tmp_path, {"x": 7, "y": 3}).classes == {"background": 0, "x": 1, "y": 2}


def test_names_of_objects_and_values_of_masks_are_not_mixed_up(tmp_path):
    volume(tmp_path / "images" / "a.nii.gz")
    mask(tmp_path / "masks" / "a.nii.gz", 3)
    with pytest.raises(InputError, match=r"x=three\*: is for objects that have names"):
        aim(tmp_path, {}, objects={"x": ["three*"]})
    (tmp_path / "masks" / "a.nii.gz").unlink()
    dicom.rtstruct(tmp_path / "masks" / "a.dcm", {"three": []})
    with pytest.raises(InputError, match="label x: is named by a value, and the objects"):
        aim(tmp_path, {"x": 3})
    assert aim(tmp_path, {}, objects={"x": ["three*"]}).classes == {"background": 0, "x": 1}


def test_masks_of_photographs_are_lossless(tmp_path):
    picture(tmp_path / "images" / "a.jpg", colours())
    picture(tmp_path / "masks" / "a.png", square())
    found = aim(tmp_path, {})
    assert (found.image_ending, found.label_ending) == (".jpg", ".png")
    assert found.channels == ("R", "G", "B")
