"""How far an image lies from what a model has seen, and in what."""

from dataclasses import dataclass
from typing import Any, Literal

Level = Literal["seen", "outside", "far outside"]
OUTSIDE: Level = "outside"
FAR: Level = "far outside"
LEVELS: tuple[Level, ...] = ("seen", OUTSIDE, FAR)


@dataclass(frozen=True)
class Reason:
    """One thing in which an image differs from what was seen, in words with numbers."""

    level: Level
    said: str


@dataclass(frozen=True)
class Verdict:
    """How far an image lies from what a model has seen.

    Args:
        reasons: What is outside, the farthest first.
        notes: What could not be compared, or is unusual and does no harm.
    """

    reasons: tuple[Reason, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def level(self) -> Level:
        """The farthest of all reasons."""
        return LEVELS[max((LEVELS.index(one.level) for one in self.reasons), default=0)]

    def describe(self) -> tuple[str, ...]:
        """Notes for a person: one of all reasons, then those that do no harm."""
        if not self.reasons:
            return self.notes
        said = "; ".join(one.said for one in self.reasons)
        return (f"{self.level.upper()} of what this model has seen: {said}", *self.notes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        reasons = [{"level": one.level, "said": one.said} for one in self.reasons]
        return {"level": self.level, "reasons": reasons, "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, facts: dict[str, Any] | None) -> "Verdict":
        """Take what `to_dict` gave; nothing is known of a case from before it was kept."""
        facts = facts or {"reasons": [], "notes": []}
        reasons = tuple(Reason(one["level"], one["said"]) for one in facts["reasons"])
        return cls(reasons, tuple(facts["notes"]))
