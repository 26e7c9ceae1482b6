"""``cases.csv``: one row per case, read alike for subjects and for groups."""

import pytest

from segscope.data import open_dataset, read_column
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
