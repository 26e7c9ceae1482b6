"""What a command says when it has ended: numbers first, then files, then what to do next."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segscope.metrics.estimates import Estimate
    from segscope.metrics.outcome import InShort


def outcome_lines(found: "InShort") -> list[str]:
    """Lay scores out as a plain table, with the worst cases below.

    Example:
        >>> from segscope.metrics.estimates import Estimate
        >>> from segscope.metrics.outcome import LabelOutcome, InShort
        >>> dice = Estimate(0.9, 0.85, 0.95, 0.1, 12, 0)
        >>> out = InShort((LabelOutcome("liver", {"dice": dice}, {"missing": 1}),), (), "cases")
        >>> print(*outcome_lines(out), sep="\\n")
        label  dice (95 %)          n
        liver  0.900 (0.850-0.950)  12 cases, 1 missing
    """
    names = list(dict.fromkeys(name for one in found.labels for name in one.metrics))
    rows = [["label", *(f"{name} (95 %)" for name in names), "n"]]
    for one in found.labels:
        cells = [_cell(one.metrics[name]) if name in one.metrics else "" for name in names]
        counted = [found.unit if _n(one.metrics) != 1 else found.unit.removesuffix("s")]
        odd = [f"{count} {key.replace('_', ' ')}" for key, count in one.odd.items()]
        rows.append([one.label, *cells, ", ".join([f"{_n(one.metrics)} {counted[0]}", *odd])])
    lines = aligned(rows)
    if found.worst:
        worst = ", ".join(f"{case} {dice:.3f}" for case, dice in found.worst)
        lines.append(f"worst cases by Dice: {worst}")
    return lines


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay cells out in columns, plain text for a terminal or a pipe.

    Example:
        >>> aligned([["a", "bb"], ["ccc", "d"]])
        ['a    bb', 'ccc  d']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _cell(found: "Estimate") -> str:
    if found.n == 0:
        return "undefined"
    mean = f"{found.mean:.3f}" if abs(found.mean) < 10 else f"{found.mean:.4g}"
    if found.n < 2:
        return mean
    low, high = (f"{end:.3f}" if abs(end) < 10 else f"{end:.4g}" for end in (found.low, found.high))
    return f"{mean} ({low}-{high})"


def _n(metrics: "Mapping[str, Estimate]") -> int:
    return max((found.n for found in metrics.values()), default=0)
