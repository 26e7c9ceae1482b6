"""Tables as CSV, as the csv module reads them back."""

import csv
import io

import pytest

from segscope.data.tables import to_csv


def cells(rows):
    return list(csv.reader(io.StringIO(to_csv(rows), newline="")))


def test_columns_are_those_of_all_rows_in_the_order_they_come():
    assert cells([{"a": 1, "b": 2}, {"c": 3, "a": 4}]) == [
        ["a", "b", "c"], ["1", "2", ""], ["4", "", "3"]
    ]  # fmt: skip


def test_what_is_undefined_is_empty_and_zero_is_not():
    assert cells([{"a": None, "b": float("nan"), "c": 0, "d": 0.0, "e": False}])[1] == [
        "", "", "0", "0.0", "False"
    ]  # fmt: skip


@pytest.mark.parametrize("first", list("=+-@\t\r"), ids=repr)
def test_texts_that_begin_as_a_formula_are_quoted_also_as_names(first):
    text = f"{first}1"
    assert cells([{text: text}]) == [[f"'{text}"], [f"'{text}"]]


def test_numbers_below_zero_and_commas_come_back():
    assert cells([{"a": -1.5, "b": 'x, "y"\nz'}])[1] == ["-1.5", 'x, "y"\nz']
