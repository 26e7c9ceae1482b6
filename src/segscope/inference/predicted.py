"""What became of the cases that were to be predicted, also where that is an error."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from segscope.errors import InputError, WorkError
from segscope.inference.verdict import Verdict


@dataclass(frozen=True)
class Predicted:
    """What `predict_cases` did.

    Args:
        written: Names of the cases that were predicted.
        reused: Names of the cases whose predictions were there already.
        notes: Of the cases in ``written`` that have any: what a reader chose, what is odd, in
            what they are outside of what the model has seen. Of those in ``reused`` the last.
        verdicts: Of the cases that are outside of what the model has seen, refused ones included.
        failed: Names of the cases that were not predicted, and why.
        remarks: On all of them: what could not be compared.
        mask_warnings: Cases to what is odd about their masks; None of a network that is shown none.
        files: What was written beside the label maps, by what it is.
        facts: What was found of each case by who looked on (``watch``).
    """

    written: tuple[str, ...]
    reused: tuple[str, ...]
    notes: dict[str, tuple[str, ...]]
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    mask_warnings: dict[str, tuple[str, ...]] | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    facts: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; what there is none of is left out."""
        verdicts = {name: one.to_dict() for name, one in self.verdicts.items()}
        odd = self.mask_warnings
        return {
            "written": list(self.written),
            "reused": list(self.reused),
            "notes": {name: list(said) for name, said in self.notes.items()},
            **({"failed": self.failed} if self.failed else {}),
            **({"verdicts": verdicts} if verdicts else {}),
            **({"facts": {n: dict(one) for n, one in self.facts.items()}} if self.facts else {}),
            **({"files": dict(self.files)} if self.files else {}),
            **({} if odd is None else {"mask_warnings": {n: list(s) for n, s in odd.items()}}),
        }


class SomeFailedError(WorkError):
    """Some cases could not be predicted; ``done`` says what became of the others."""

    def __init__(self, error: WorkError, done: Predicted) -> None:
        super().__init__(str(error))
        self.__cause__ = error.__cause__
        self.done = done


class NotMeantError(InputError):
    """Every image is far outside of what the model has seen; ``done`` says in what."""

    def __init__(self, done: Predicted) -> None:
        lines = [f"{name}: {reason}" for name, reason in done.failed.items()]
        super().__init__("nothing was predicted:", lines)
        self.done = done
