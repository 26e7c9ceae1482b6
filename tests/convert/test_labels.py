"""Label maps in the forms that downloads have them, and in none that contradicts itself."""

import numpy as np
import pytest

from segscope.convert import convert, read_layout
from segscope.data import open_dataset, read_image, read_label
from segscope.errors import InputError
from tests.convert import dicom_trees as dicom
from tests.convert.more_trees import MORE, volume


def test_a_label_that_runs_the_other_way_is_turned_to_its_series(tmp_path):
    MORE["nih_pancreas"](tmp_path / "s")
    done = convert(tmp_path / "s", tmp_path / "out", read_layout("nih_pancreas"))
    label = read_label(tmp_path / "out" / "labelsTr" / "pancreas_0001.nii.gz")
    np.testing.assert_array_equal(label.array, dicom.box((1, 3), (0, 2), (1, 3)))
    assert any("turned to the axes of its DICOM series" in note for note in done.rewritten)
    assert done.subjects == 2


def test_a_label_of_no_known_place_is_refused(tmp_path):
    MORE["nih_pancreas"](tmp_path / "s")
    array = np.ones(dicom.SHAPE, np.uint8)
    volume(tmp_path / "s" / "labels" / "label0001.nii.gz", array, np.eye(4))
    with pytest.raises(InputError, match="nobody can say where it lies in its DICOM series"):
        convert(tmp_path / "s", tmp_path / "out", read_layout("nih_pancreas"))


def test_masks_and_pictures_of_swapped_names_are_told_apart_and_united(tmp_path):
    MORE["cbis_ddsm_mass"](tmp_path / "s")
    done = convert(tmp_path / "s", tmp_path / "out", read_layout("cbis_ddsm_mass"))
    label = read_label(tmp_path / "out" / "labelsTr" / "mass_P_00001_LEFT_CC.png")
    truth = np.zeros((12, 10))
    truth[2:6, 3:5] = 1
    np.testing.assert_array_equal(label.array, truth)
    image = read_image(tmp_path / "out" / "imagesTr" / "mass_P_00001_LEFT_CC_0000.png")
    expected = np.random.default_rng(0).integers(0, 4000, (12, 10))
    np.testing.assert_array_equal(image.array[0], expected)
    rows = (tmp_path / "out" / "cases.csv").read_text().splitlines()
    assert rows[0] == "case,subject,set,patient,side,view,abnormality id,pathology"
    assert rows[1] == "mass_P_00001_LEFT_CC,P_00001,Training,P_00001,LEFT,CC,1;2,MALIGNANT;BENIGN"
    assert done.subjects == 2


def roi(at, *files):
    folder = next((at / "CBIS-DDSM").glob("*P_00001_LEFT_CC_1")) / "date" / "roi"
    for number, array in enumerate(files, 1):
        dicom.picture(folder / f"1-{number}.dcm", array)


def test_a_mask_of_another_size_is_brought_to_its_picture(tmp_path):
    MORE["cbis_ddsm_mass"](tmp_path / "s")
    half = np.zeros((6, 5), np.uint8)
    half[5, 4] = 255
    roi(tmp_path / "s", half)
    done = convert(tmp_path / "s", tmp_path / "out", read_layout("cbis_ddsm_mass"))
    label = read_label(tmp_path / "out" / "labelsTr" / "mass_P_00001_LEFT_CC.png").array
    assert np.argwhere(label[8:]).tolist() == [[2, 8], [2, 9], [3, 8], [3, 9]]
    assert sum("of another size, brought to" in note for note in done.rewritten) == 1


@pytest.mark.parametrize(
    ("files", "said"),
    [([np.eye(6, 10, dtype=np.uint8)], r"is of \(6, 10\), its picture of \(12, 10\)"),
     ([np.eye(5, dtype=np.uint8), np.eye(5, dtype=np.uint8)], "2 of the 2 files of this object"),
     ([np.arange(25, dtype=np.uint8).reshape(5, 5)], "0 of the 2 files of this object have two")],
    ids=["another part", "two masks", "no mask"],
)  # fmt: skip
def test_regions_that_are_unclear(tmp_path, files, said):
    MORE["cbis_ddsm_mass"](tmp_path / "s")
    roi(tmp_path / "s", *files)
    with pytest.raises(InputError, match=said):
        convert(tmp_path / "s", tmp_path / "out", read_layout("cbis_ddsm_mass"))


def test_two_volumes_of_a_hippocampus_pair_are_one_person(tmp_path):
    MORE["msd_hippocampus"](tmp_path / "s")
    done = convert(tmp_path / "s", tmp_path / "out", read_layout("msd_hippocampus"))
    assert done.subjects == 1
    assert done.rewritten == ()
    assert len({case.group for case in open_dataset(tmp_path / "out").training}) == 1
