"""Tables of paths: what is unclear is refused by row and column."""

import pytest

from segscope.convert import convert_table
from segscope.data import open_dataset, read_label
from segscope.errors import InputError
from tests.commands import call
from tests.convert import dicom_trees as dicom
from tests.convert.more_trees import mask, volume


@pytest.fixture
def place(tmp_path):
    for case in ("a", "b", "c"):
        volume(tmp_path / "s" / f"{case}" / "t1.nii.gz")
        volume(tmp_path / "s" / f"{case}" / "t2.nii.gz")
        mask(tmp_path / "s" / f"{case}" / "seg.nii.gz", 1, 2)
    return tmp_path / "s"


def table(place, text):
    file = place / "cases.csv"
    file.write_text(text)
    return file


WHOLE = """image_T1,image_T2,label,subject,centre,split,age
a/t1.nii.gz,a/t2.nii.gz,a/seg.nii.gz,ann,here,train,40
b/t1.nii.gz,b/t2.nii.gz,b/seg.nii.gz,ann,here,val,41

c/t1.nii.gz,c/t2.nii.gz,,carl,there,test,50
"""


def test_channels_subjects_and_splits(place, tmp_path):
    done = convert_table(table(place, WHOLE), tmp_path / "out", {"core": 1, "edema": 2})
    assert (done.training, done.test, done.subjects) == (2, 1, 1)
    assert done.channels == ("T1", "T2")
    made = open_dataset(tmp_path / "out")
    assert [case.name for case in made.training] == ["a_t1", "b_t1"]
    assert [case.group for case in made.training] == ["ann", "ann"]
    assert set(read_label(made.training[0].label_file).array.ravel()) == {0, 1, 2}
    rows = (tmp_path / "out" / "cases.csv").read_text().splitlines()
    assert rows[0] == "case,subject,centre,split,age"
    assert rows[2] == "b_t1,ann,here,val,41"
    assert (tmp_path / "out" / "imagesTs" / "c_t1_0001.nii.gz").is_file()


def test_names_of_cases_and_series_and_other_separators(place, tmp_path):
    dicom.series(place / "d" / "CT")
    dicom.seg(place / "d" / "seg.dcm", {"liver": dicom.box((1, 3), (1, 3), (1, 3))})
    file = place / "cases.tsv"
    file.write_text("case\timage\tlabel\nmy d\td/CT\td/seg.dcm\n")
    done = convert_table(file, tmp_path / "out", {})
    assert done.labels == {"background": 0, "liver": 1}
    assert read_label(tmp_path / "out" / "labelsTr" / "my_d.nii.gz").array.sum() == 8


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [("b/seg", "b/no", r"row 3, column label: b/no\.nii\.gz: no such file beside the table"),
     ("b/t2", "b/no", r"row 3, column image_T2: b/no\.nii\.gz: no such file"),
     (",b/seg.nii.gz", ",", "row 3, column label: is empty, and the case is not of the split test"),
     ("b/t1.nii.gz", "", "row 3, column image_T1: is empty"),
     ("val", "later", "row 3, column split: is 'later', expected train, val or test"),
     ("carl", "ann", "row 5, column split: subject ann is in test and, in row 2, in training"),
     (",,carl", ",c/seg.nii.gz,carl", "row 5, column label: a case of the split test has none"),
     (",41", "", "row 3: has 6 cells, the first row 7"),
     (",age", ",centre", "row 1: the column centre is there 2 times"),
     ("label", "truth", "row 1: has no column label"),
     ("image_T1,image_T2", "t1,t2", "row 1: has no column image, nor image_NAME"),
     ("image_T1", "image", "has a column image and image_T2; name all channels image_NAME"),
     ("b/t1.nii.gz", "a/t1.nii.gz", "column image_T1: a_t1 is the name of 2 cases"),
     ("b/t1.nii.gz", "cases.csv", r"row 3, column image_T1: cases\.csv: is of no kind")],
    ids=["no label", "no image", "empty label", "empty image", "split", "both sides", "test label",
         "cells", "twice", "no label column", "no image column", "mixed", "one name", "kind"],
)  # fmt: skip
def test_what_is_unclear_is_refused(place, tmp_path, old, new, said):
    assert old in WHOLE
    with pytest.raises(InputError, match=said):
        convert_table(table(place, WHOLE.replace(old, new, 1)), tmp_path / "out", {})
    assert not (tmp_path / "out").exists()


def test_semicolons_and_empty_tables(place, tmp_path):
    with pytest.raises(InputError, match="cells are separated by ';'"):
        convert_table(table(place, "image;label\na;b\n"), tmp_path / "out", {})
    with pytest.raises(InputError, match="has no row of cases"):
        convert_table(table(place, "image,label\n"), tmp_path / "out", {})


def test_from_the_command_line(place, tmp_path, capsys):
    text = "image,label\na/t1.nii.gz,a/seg.nii.gz\nb/t1.nii.gz,b/seg.nii.gz\n"
    file = table(place, text)
    code, out, err = call(capsys, "data", "convert", "--table", file, "-o", tmp_path / "out",
                          "--label", "core=1", "--label", "edema=2")  # fmt: skip
    assert code == 0, err
    assert "labels: 0 background, 1 core, 2 edema" in out
    assert "subjects: unknown" in out
    code, _, err = call(capsys, "data", "convert", "--table", file, "-o", tmp_path / "o2",
                        "--layout", "busi")  # fmt: skip
    assert code == 2
    assert "--table names all files" in err


def test_another_table_never_goes_on_with_this_one(place, tmp_path):
    file = table(place, WHOLE)
    mask(place / "b" / "seg.nii.gz", 1, 7)
    with pytest.raises(InputError, match="holds 7, which no label stands for"):
        convert_table(file, tmp_path / "out", {"core": 1, "edema": 2})
    table(place, WHOLE.replace(",age", ",years"))
    with pytest.raises(InputError, match="another conversion was begun here"):
        convert_table(file, tmp_path / "out", {"core": 1, "edema": 2})
