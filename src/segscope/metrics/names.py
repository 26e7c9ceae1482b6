"""Metrics by name: what each is computed of, which way is better, and what the worst is.

A new metric is a function in a file of this room and a line here.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segscope.errors import InputError
from segscope.metrics.centre import centre_distance
from segscope.metrics.pair import MaskPair
from segscope.metrics.surface import average_distance, hausdorff_distance, surface_dice
from segscope.plugins import Kind, other_than, plain


@dataclass(frozen=True)
class Metric:
    """A number for two masks of one label.

    Args:
        compute: From a `MaskPair` to a number: undefined is ``nan``; ``inf`` only for distances in
            mm, whose ``worst`` it is.
        higher_is_better: Which way is better; None for a number that is no score, of which no
            means are taken.
        worst: What a missing prediction has: ``inf`` stands for the image's diagonal in mm.
        counts_empty: In means, a prediction that is empty where the truth is not counts as the
            worst, whatever ``compute`` says of it.
        overlap: Needs neither borders nor components: also measured where only overlaps are.
        shown: On pages, in a column of its own.

    Example:
        >>> import numpy as np
        >>> from segscope.images import Grid
        >>> size = Metric(lambda pair: float(pair.prediction.sum()), higher_is_better=True)
        >>> mask = np.ones((2, 2), bool)
        >>> size.compute(MaskPair(mask, mask, 4, (1.0, 1.0), Grid.from_spacing((2, 2), (1, 1))))
        4.0
    """

    compute: Callable[[MaskPair], float]
    higher_is_better: bool | None
    worst: float = 0.0
    counts_empty: bool = False
    overlap: bool = False
    shown: bool = False


def _of_overlap(name: str, *, shown: bool) -> Metric:
    return Metric(lambda pair: pair.overlaps[name], True, overlap=True, shown=shown)


def _of_volume(name: str, better: bool | None = None, *, worst: float = 0.0) -> Metric:
    shown = better is not None
    return Metric(lambda pair: pair.volumes[name], better, worst, overlap=True, shown=shown)


def _of_lesions(name: str, better: bool | None = True, *, counts_empty: bool = False) -> Metric:
    return Metric(lambda pair: pair.lesions[name], better, counts_empty=counts_empty)


def _in_mm(compute: Callable[[MaskPair], float], *, shown: bool = False) -> Metric:
    return Metric(compute, False, math.inf, counts_empty=True, shown=shown)


METRICS: dict[str, Metric] = {
    "dice": _of_overlap("dice", shown=True),
    "iou": _of_overlap("iou", shown=True),
    "precision": _of_overlap("precision", shown=True),
    "recall": _of_overlap("recall", shown=True),
    "specificity": _of_overlap("specificity", shown=False),
    "accuracy": _of_overlap("accuracy", shown=False),
    "hd_mm": _in_mm(lambda pair: hausdorff_distance(pair.distances)),
    "hd95_mm": _in_mm(lambda pair: hausdorff_distance(pair.distances, 95), shown=True),
    "assd_mm": _in_mm(lambda pair: average_distance(pair.distances), shown=True),
    "nsd": Metric(lambda pair: surface_dice(pair.distances, pair.tolerance_mm), True, shown=True),
    "avd_percent": _of_volume("avd_percent", False, worst=100.0),
    "volume_difference_percent": _of_volume("volume_difference_percent"),
    "pcd_percent": _of_volume("pcd_percent"),
    "centre_mm": _in_mm(lambda pair: centre_distance(pair.prediction, pair.truth, pair.grid)),
    "lesion_recall": _of_lesions("lesion_recall"),
    "lesion_precision": _of_lesions("lesion_precision", counts_empty=True),
    "lesion_f1": _of_lesions("lesion_f1"),
    "lesions_true": _of_lesions("lesions_true", None),
    "lesions_predicted": _of_lesions("lesions_predicted", None),
}


def no_metric(found: Any) -> str:
    """What keeps an object from being a `Metric`, or nothing.

    Example:
        >>> no_metric(len)
        'is a builtin_function_or_method, where a segscope.metrics.Metric is expected'
    """
    fault = other_than(found, Metric)
    return fault or ("" if callable(found.compute) else f"has the compute {found.compute!r}")


METRIC: Kind[Metric] = Kind("metric", "segscope.metrics", METRICS, no_metric)

HIGHER_IS_BETTER: dict[str, bool] = {
    **{name: True for name, one in METRICS.items() if one.higher_is_better},
    **{name: False for name, one in METRICS.items() if one.higher_is_better is False},
}
"""segscope's own scores, those that are better when higher first."""

SHOWN = tuple(name for name, one in METRICS.items() if one.shown)
"""Metrics that pages show in columns."""

_COLUMNS = (
    "case", "label", "value", "status", "prediction_file", "reference_file", "diagonal_mm",
    "tp", "fp", "fn", "tn", "n_pred", "n_ref",
)  # fmt: skip


def known_metric(name: str) -> Metric | None:
    """The metric of a column, or None where the column is none (counts, names, files).

    Example:
        >>> known_metric("tp") is None
        True
    """
    return METRIC.get(name) if name in METRIC.names() else None


def is_higher_better(name: str) -> bool:
    """Which way a score is better, segscope's own or a package's.

    Raises:
        ValueError: There is no such score.

    Example:
        >>> is_higher_better("dice"), is_higher_better("hd95_mm")
        (True, False)
    """
    better = METRIC.get(name).higher_is_better
    if better is None:
        raise ValueError(f"{name} is no score: no way is better")
    return better


def check_more(names: Sequence[str]) -> None:
    """Refuse names that cannot be measured beside segscope's own metrics.

    Raises:
        InputError: Unknown, measured anyway, or the name of another column.
    """
    own = [name for name in METRIC.names() if name not in METRICS]
    for name in names:
        if name in METRICS:
            there = f"these are {', '.join(own)}" if own else "none is installed"
            raise InputError(
                f"metric {name!r}: is measured anyway; name those of installed packages ({there})"
            )
        if name in _COLUMNS:
            raise METRIC.fault(name, "has the name of another column of metrics.csv")
        try:
            METRIC.get(name)
        except InputError:
            raise
        except ValueError as error:
            raise InputError(f"{error}; install the package that has it") from None


def measure(name: str, pair: MaskPair) -> float:
    """Compute one metric; of a package's, see that it is a number.

    Raises:
        InputError: A package's metric fails or returns no number; the package is named.
    """
    metric = METRIC.get(name)
    if name in METRICS:
        return metric.compute(pair)
    with METRIC.running(name):
        found: Any = metric.compute(pair)
    if isinstance(found, bool) or not hasattr(found, "__float__") or np.ndim(found) > 0:
        raise METRIC.fault(name, f"returns {plain(found)}, a float is expected")
    value = float(found)
    if math.isinf(value) and not math.isinf(metric.worst):
        raise METRIC.fault(name, f"returns {value}, which only a distance whose worst it is may do")
    return value
