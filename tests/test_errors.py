"""Failures of single cases are kept, and nothing of them is hidden."""

import traceback

import pytest

from segscope.errors import Failures, InputError, WorkError, naming


def test_a_file_is_named_once():
    with pytest.raises(InputError, match=r"^a\.nii: is empty$"), naming("a.nii"):
        raise InputError("a.nii: is empty")
    with pytest.raises(InputError, match=r"^a\.nii: is empty$"), naming("a.nii"):
        raise InputError("is empty")


def test_defects_are_listed_and_their_tracebacks_are_the_cause():
    failures = Failures()
    for name, error in (("a", ZeroDivisionError("by 0")), ("b", InputError("b: bad"))):
        with failures.of(name):
            raise error
    assert failures.reasons["b"] == "b: bad"
    assert failures.reasons["a"].endswith("ZeroDivisionError: by 0")
    error = failures.error(3, kept="; rest kept")
    assert str(error).startswith("2 of 3 cases failed:")
    assert str(error).endswith("rest kept")
    said = "".join(traceback.format_exception(error))
    assert "ZeroDivisionError: by 0" in said
    assert "test_errors.py" in said
    with pytest.raises(WorkError, match="2 of 2"):  # not bad input: one is a defect
        failures.check(2, what="audit")


def test_a_stop_is_no_failure():
    failures = Failures()
    with pytest.raises(KeyboardInterrupt), failures.of("a"):
        raise KeyboardInterrupt
    assert not failures.reasons


def test_where_nothing_is_left_one_reason_is_said_once():
    failures = Failures()
    for name in "ab":
        with failures.of(name, ValueError):
            raise ValueError("layers: there is no conv9")
    failures.check(3, what="audit")  # one is left
    with pytest.raises(InputError, match=r"^audit: layers: there is no conv9$"):
        failures.check(2, what="audit")
