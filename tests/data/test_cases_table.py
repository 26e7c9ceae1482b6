"""``cases.csv``: one row per case, read alike for subjects and for groups."""

import pytest

from segscope.data import Split, open_dataset, read_column, split_by_groups
from segscope.errors import InputError
from segscope.images import Case
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
SAME = {
    "plain": PLAIN,
    "blanks": " case , subject ,centre\t\n c0, s1 ,A \n\tc1,s1\u00a0, B\nc2 ,s2,B\n",
    "a byte order mark": "\ufeff" + PLAIN,
    "semicolons": PLAIN.replace(",", ";"),
    "tabs": PLAIN.replace(",", "\t"),
    "a line that says how": "sep=;\n" + PLAIN.replace(",", ";"),
    "capitals": PLAIN.replace("case,subject", "Case,SUBJECT"),
    "capitals and semicolons": PLAIN.replace("case", "CASE").replace(",", ";"),
    "quotes": 'case,subject,centre\n"c0","s1",A\nc1,"s1","B"\nc2,s2,"B"\n',
    "empty lines": "\n" + PLAIN.replace("\n", "\n\n,,\n"),
    "commas at the ends": PLAIN.replace("\n", ",,\n"),
    "lines of old": PLAIN.replace("\n", "\r"),
    "lines of another system": PLAIN.replace("\n", "\r\n"),
    "a column without name": "\n".join(
        f"{k},{line}" for k, line in zip(["", 0, 1, 2], PLAIN.split("\n"), strict=False)
    ),
    "a row twice": PLAIN + "c1,s1,B\n",
}


@pytest.mark.parametrize("table", SAME.values(), ids=SAME)
def test_ways_to_write_one_table(volumes, table):
    write(volumes, table)
    assert groups(volumes) == ["s1", "s1", "s2"]
    assert read_column(volumes, " centre ") == {"c0": "A", "c1": "B", "c2": "B"}


UNUSABLE = {
    "wide characters": (PLAIN.encode("utf-16"), "cannot be read as CSV .*UTF-16"),
    "latin letters": ("case,subject\nc0,J\u00fcrgen\n".encode("latin-1"), "cannot be read as CSV"),
    "a zero byte": (b"case,subject\nc0,s\x001\n", "cannot be read as CSV"),
    "an open quote": ('case,subject\nc0,"s1\n', "cannot be read as CSV"),
    "nothing": ("", "is empty"),
    "blank lines": (" \n,\n", "is empty"),
    "a column twice": ("case,subject,age,age\nc0,s1,1,2\n", "two columns age"),
    "a column twice but for blanks": ("case,subject, subject\nc0,s1,s2\n", "two columns subject"),
    "the case twice but for capitals": ("case,Case,subject\nc0,c1,s1\n", "two columns case"),
    "too many cells": ("case,subject\nc0,s1,x\n", "line 2 has 3 cells, the first has 2"),
    "too few cells": ("case,subject\nc0,s1\nc1\n", "line 3 has 1 cells, the first has 2"),
    "two subjects": ("case,subject\nc0,a\nc0,b\n", "gives case c0 two subjects, 'a' and 'b'"),
    "a subject and none": ("case,subject\nc0,a\nc0,\n", "gives case c0 two subjects"),
    "two centres": (
        "case,subject,centre\nc0,a,A\nc0,a,B\n",
        "gives case c0 two entries in centre, 'A' and 'B'",
    ),
    "subjects of no case": ("id,subject\nc0,a\n", "no column case; there are 'id, subject'"),
}


@pytest.mark.parametrize(("table", "words"), UNUSABLE.values(), ids=UNUSABLE)
def test_tables_that_are_none_are_refused_by_both_readers(volumes, table, words):
    write(volumes, table)
    with pytest.raises(InputError, match=f"cases.csv: .*{words}"):
        open_dataset(volumes)
    with pytest.raises(InputError, match=f"cases.csv: .*{words}"):
        read_column(volumes, "subject")


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


def cases(*names):
    return [Case(name, (), subject=name) for name in names]


def test_values_with_blanks_and_commas_make_groups(tmp_path):
    write(tmp_path, 'case,centre\na, Den Haag \nb,"Lille, Nord"\nc,\nd\u0301,X\n')
    known = cases("a", "b", "c", "\u1e0f", "d\u0301")
    split = split_by_groups(tmp_path, known, "centre= Den Haag,X", "centre=Lille, Nord")
    assert split == Split(("a", "d\u0301"), ("b",))


GROUPS = {
    "an empty value": ("centre=,", "expected column=value"),
    "no column": ("=A", "expected column=value"),
    "a value of nobody": ("centre=Q", "no case has Q; there are A, B"),
    "a column of nobody": ("scanner=A", "no column scanner; there are case, centre"),
}


@pytest.mark.parametrize(("option", "words"), GROUPS.values(), ids=GROUPS)
def test_groups_that_are_none_are_named(tmp_path, option, words):
    write(tmp_path, "case,centre\na,A\nb,B\nc,\n")
    with pytest.raises(InputError, match=words):
        split_by_groups(tmp_path, cases("a", "b", "c"), option, "centre=B")


def test_a_column_of_no_table_is_named(tmp_path):
    with pytest.raises(InputError, match="is missing; write it with the columns case and centre"):
        read_column(tmp_path, "centre")
    write(tmp_path, "id,centre\na,A\n")
    with pytest.raises(InputError, match="no column case"):
        read_column(tmp_path, "centre")
