"""What became of cases, as plain values, also in an error."""

from segscope.errors import WorkError
from segscope.inference.predicted import NotMeantError, Predicted, SomeFailedError
from segscope.inference.verdict import FAR, Reason, Verdict

DONE = Predicted(
    written=("a",),
    reused=("b",),
    notes={"a": ("odd",)},
    verdicts={"c": Verdict((Reason(FAR, "too far"),))},
    failed={"c": "too far"},
    facts={"a": {"verdict": "look"}},
)


def test_what_there_is_none_of_is_left_out():
    assert Predicted(("a",), (), {}).to_dict() == {"written": ["a"], "reused": [], "notes": {}}
    facts = DONE.to_dict()
    assert facts["facts"] == {"a": {"verdict": "look"}}
    assert (facts["failed"], facts["notes"]) == ({"c": "too far"}, {"a": ["odd"]})
    assert facts["verdicts"]["c"]["level"] == FAR


def test_errors_carry_it():
    cause = ExceptionGroup("several", [ValueError("x")])
    error = WorkError("1 of 2 failed")
    error.__cause__ = cause
    some = SomeFailedError(error, DONE)
    assert (some.done, some.__cause__, str(some)) == (DONE, cause, "1 of 2 failed")
    assert "c: too far" in str(NotMeantError(DONE))
