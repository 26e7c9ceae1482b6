"""Groups of cases by a column of the table."""

import pytest

from segscope.data import Split, read_column, split_by_groups
from segscope.errors import InputError
from segscope.images import Case


def write(folder, table):
    raw = table if isinstance(table, bytes) else table.encode()
    (folder / "cases.csv").write_bytes(raw)


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
