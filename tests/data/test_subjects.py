"""Subjects of cases, as the table names them."""

import pytest

from segscope.data import open_dataset
from segscope.errors import InputError
from tests.synthetic import write_volume_dataset


@pytest.fixture
def volumes(tmp_path):
    return write_volume_dataset(tmp_path / "data", cases=3, shape=(5, 6, 7))


def write(folder, table):
    raw = table if isinstance(table, bytes) else table.encode()
    (folder / "cases.csv").write_bytes(raw)


def groups(folder):
    return [case.group for case in open_dataset(folder).training]


def warned(folder):
    return "\n".join(map(str, open_dataset(folder).warnings))


PLAIN = "case,subject,centre\nc0,s1,A\nc1,s1,B\nc2,s2,B\n"


NOT_CASES = {
    "endings": ("c0.nii.gz", "c1.nii.gz"),
    "channels": ("c0_0000", "c1_0000"),
    "files": ("c0_0000.nii.gz", "c1_0000.nii.gz"),
    "paths": ("imagesTr/c0_0000.nii.gz", "labelsTr/c1.nii.gz"),
}


@pytest.mark.parametrize("names", NOT_CASES.values(), ids=NOT_CASES)
def test_files_in_place_of_cases_are_refused(volumes, names):
    write(volumes, "case,subject\n" + "".join(f"{name},s1\n" for name in names))
    with pytest.raises(InputError, match="names files where cases are expected") as caught:
        open_dataset(volumes)
    assert "write c0 and so on" in str(caught.value)


def test_a_case_that_is_named_as_a_file_is_a_case(volumes):
    for part, end in (("imagesTr", "_0000.nii.gz"), ("labelsTr", ".nii.gz")):
        (volumes / part / f"c0{end}").rename(volumes / part / f"c0.png{end}")
    write(volumes, "case,subject\nc0.png,s1\nc1,s1\nc2,s2\n")
    assert groups(volumes) == ["s1", "s1", "s2"]
    assert warned(volumes) == ""


WARNED = {
    "capitals": ("case,subject\nC0,a\nc1,a\nc2,b\n", "nearly named as a case: C0 for c0"),
    "a missing zero": ("case,subject\nc00,a\nc1,a\nc2,b\n", "c00 for c0"),
    "strangers": ("case,subject\nc0,a\nc1,a\nc2,b\nx,c\n", "rows for unknown cases: x"),
    "missing cases": ("case,subject\nc0,a\n", "each counts as its own: c1, c2"),
    "empty cells": ("case,subject\nc0,a\nc1, \nc2,b\n", "each counts as its own: c1"),
    "a row without case": ("case,subject\nc0,a\n,a\nc1,a\nc2,b\n", "without a case ignored: 3"),
    "no rows": ("case,subject\n", "has no line below"),
    "no subject": ("case,age\nc0,4\n", "has no columns case and subject"),
    "a patient": ("case,patient_id\nc0,4\n", "name the column patient_id subject if"),
    "two columns": (
        "case,probable_subject,subject\nc0,x,a\nc1,y,a\nc2,z,b\n",
        "has the columns subject and probable_subject; subject counts",
    ),
    "a word for nobody": (
        "case,subject\nc0,nan\nc1,nan\nc2,b\n",
        "subject 'nan' of c0, c1 counts as one person",
    ),
    "capitals of persons": (
        "case,subject\nc0,Ann\nc1,ann\nc2,b\n",
        "'Ann' and 'ann' count as different persons",
    ),
    "numbers of persons": (
        "case,subject\nc0,7\nc1,7.0\nc2,8\n",
        "'7' and '7.0' count as different persons",
    ),
    "zeros of persons": (
        "case,subject\nc0,P007\nc1,P7\nc2,P8\n",
        "'P007' and 'P7' count as different persons",
    ),
    "a row twice": (PLAIN + "c2,s2,B\n", "gives case c2 twice, alike"),
}


@pytest.mark.parametrize(("table", "words"), WARNED.values(), ids=WARNED)
def test_odd_tables_are_said(volumes, table, words):
    write(volumes, PLAIN)
    assert warned(volumes) == ""
    write(volumes, table)
    assert words in warned(volumes)


def test_the_sure_subject_counts(volumes):
    write(volumes, "case,probable_subject,subject\nc0,x,a\nc1,y,a\nc2,y,b\n")
    assert groups(volumes) == ["a", "a", "b"]


def test_accents_and_the_quote_of_spreadsheets_do_not_part_cases(volumes):
    for old, new in (("c0", "=1"), ("c1", "u\u0308")):
        for part, end in (("imagesTr", "_0000.nii.gz"), ("labelsTr", ".nii.gz")):
            (volumes / part / f"{old}{end}").rename(volumes / part / f"{new}{end}")
    write(volumes, "case,subject\n'=1,s1\n\u00fc,s1\nc2,s2\n")
    dataset = open_dataset(volumes)
    assert {case.name: case.group for case in dataset.training} == {
        "=1": "s1", "u\u0308": "s1", "c2": "s2",
    }  # fmt: skip
    assert dataset.warnings == ()
