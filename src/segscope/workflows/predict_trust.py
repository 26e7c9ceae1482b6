"""What is known of predictions' quality, as a table and as lines for a person."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segscope.data import to_csv, write_text
from segscope.inference import Predicted

QUALITY_TABLE = "quality.csv"
_ORDER = {"redo": 0, "look": 1, "accept": 2}


def write_trust(folder: Path, done: Predicted) -> None:
    """Write ``quality.csv`` of the cases that were predicted; nothing where nobody looked on."""
    if done.facts:
        write_text(folder / QUALITY_TABLE, to_csv(trust_rows(done.facts)))


def trust_rows(facts: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Lay out cases, worst first: verdict, predicted Dice with its interval, reasons, figures.

    Args:
        facts: Of each case, as `segscope.trust.Judge.case` gives them.

    Example:
        >>> bad = {"verdict": "redo", "reasons": ["empty"], "predicted_dice": None, "lower": None,
        ...        "upper": None, "scores": {"sdc": 0.0}, "labels": {}}
        >>> [row["case"] for row in trust_rows({"a": bad | {"verdict": "accept"}, "b": bad})]
        ['b', 'a']
    """
    # every row has every column: predictions of one call may differ in what could be measured
    figures = list(dict.fromkeys(name for one in facts.values() for name in one["scores"]))
    labels = list(dict.fromkeys(name for one in facts.values() for name in one["labels"]))
    rows = []
    for case, one in facts.items():
        row: dict[str, Any] = {"case": case, "verdict": one["verdict"]}
        row |= {name: one[name] for name in ("predicted_dice", "lower", "upper")}
        row["reasons"] = "; ".join(one["reasons"])
        if len(labels) > 1:
            for name in labels:
                own = one["labels"].get(name, {})
                row[f"predicted_dice_{name}"] = own.get("predicted_dice")
        row |= {name: one["scores"].get(name) for name in figures}
        rows.append(row)
    return sorted(rows, key=_worst_first)


def count_verdicts(facts: Mapping[str, Mapping[str, Any]]) -> str:
    """Say how many cases got which verdict.

    Example:
        >>> count_verdicts({"a": {"verdict": "look"}, "b": {"verdict": "accept"}})
        '1 to accept, 1 to look at, 0 to redo'
    """
    found = [one["verdict"] for one in facts.values()]
    return (
        f"{found.count('accept')} to accept, {found.count('look')} to look at, "
        f"{found.count('redo')} to redo"
    )


def _worst_first(row: Mapping[str, Any]) -> tuple[int, float, str]:
    dice = row["predicted_dice"]
    # without a predicted Dice, by soft Dice confidence
    order = dice if dice is not None else row.get("sdc") or 0.0
    return _ORDER[row["verdict"]], float(order), str(row["case"])
