"""Metrics of many cases: means that hide nothing.

Per metric and label: mean, sd, median, n, and how many were undefined, counted as worst, empty in
truth, empty in prediction, missing. ``nan`` is left out of means and counted; finding nothing where
there is something, or not answering at all, is never left out: see `counted_value`.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from segscope.metrics.html_table import html_table
from segscope.metrics.names import HIGHER_IS_BETTER, known_metric

Row = dict[str, Any]
_NNUNET = {
    "dice": "Dice", "iou": "IoU", "tp": "TP", "fp": "FP", "fn": "FN", "tn": "TN",
    "n_pred": "n_pred", "n_ref": "n_ref",
}  # fmt: skip


@dataclass(frozen=True)
class Summary:
    """Scores of cases and labels, and means of them.

    Args:
        rows: One per case and label: ``case``, ``label``, ``value``, ``status`` (ok or missing),
            files, ``diagonal_mm``, and the metrics.
        missing: Cases without a prediction.
        extra: Predictions without a truth.
        conventions: What was chosen, to be written beside the numbers.
        more: Metrics of installed packages that were measured too.
        subjects: Case to whom it is of, where that is known.
    """

    rows: tuple[Row, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    conventions: dict[str, Any]
    more: tuple[str, ...] = ()
    subjects: Mapping[str, str] = field(default_factory=dict)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that have means."""
        names = (*HIGHER_IS_BETTER, *self.more)
        return tuple(n for n in names if any(n in row for row in self.rows))

    @property
    def by_label(self) -> dict[str, dict[str, dict[str, float]]]:
        """``{label: {metric: {mean, sd, median, n, undefined, ...}}}``."""
        names = dict.fromkeys(str(row["label"]) for row in self.rows)
        return {
            name: {
                metric: statistics([r for r in self.rows if r["label"] == name], metric)
                for metric in self.metrics
            }
            for name in names
        }

    @property
    def foreground_mean(self) -> dict[str, float]:
        """Mean over labels of the labels' means, as nnU-Net has it."""
        labels = self.by_label.values()
        return {
            metric: _mean([found[metric]["mean"] for found in labels]) for metric in self.metrics
        }

    def to_dict(self) -> dict[str, Any]:
        """nnU-Net's ``summary.json``, ours beside it under ``segscope``."""
        return {
            "foreground_mean": self._nnunet_mean(list(self.rows)),
            "mean": {
                str(value): self._nnunet_mean([r for r in self.rows if r["value"] == value])
                for value in dict.fromkeys(row["value"] for row in self.rows)
            },
            "metric_per_case": [
                self._nnunet_case(case) for case in dict.fromkeys(r["case"] for r in self.rows)
            ],
            "segscope": {
                "format": 1,
                "conventions": self.conventions,
                "foreground_mean": self.foreground_mean,
                "labels": self.by_label,
                "missing": list(self.missing),
                "extra": list(self.extra),
            },
        }

    def _repr_html_(self) -> str:
        """Means by label, as a notebook shows them."""
        rows = [
            [label, *(found["mean"] for found in metrics.values())]
            for label, metrics in self.by_label.items()
        ]
        said = f"{len(self.missing)} predictions are missing and count as failed"
        return html_table(["label", *self.metrics], rows, said if self.missing else "")

    def to_csv(self) -> str:
        """One row per case and label; undefined is an empty cell."""
        columns = [c for c in self.rows[0] if not c.endswith("_file")] if self.rows else []
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(columns)
        for row in self.rows:
            writer.writerow([_cell(row.get(column)) for column in columns])
        return text.getvalue()

    def _nnunet_mean(self, rows: list[Row]) -> dict[str, float]:
        values = {}
        for ours, theirs in _NNUNET.items():
            per_label = [
                _mean([float(r[ours]) for r in rows if r["value"] == value and ours in r])
                for value in dict.fromkeys(r["value"] for r in rows)
            ]
            values[theirs] = _mean(per_label)
        return values

    def _nnunet_case(self, case: str) -> dict[str, Any]:
        rows = [row for row in self.rows if row["case"] == case]
        return {
            "metrics": {
                str(row["value"]): {
                    **{theirs: row[ours] for ours, theirs in _NNUNET.items() if ours in row},
                    **{m: row[m] for m in self.metrics if m in row},
                }
                for row in rows
            },
            "prediction_file": rows[0]["prediction_file"],
            "reference_file": rows[0]["reference_file"],
            "status": rows[0]["status"],
        }


def statistics(rows: Sequence[Row], metric: str) -> dict[str, float]:
    """Describe one metric over rows of one label.

    Example:
        >>> found = statistics([{"dice": 0.5, "status": "ok"}, {"dice": math.nan}], "dice")
        >>> found["mean"], found["n"], found["undefined"]
        (0.5, 1, 1)
    """
    plain = [float(row.get(metric, math.nan)) for row in rows]
    values = [counted_value(row, metric) for row in rows]
    kept = [v for v in values if not math.isnan(v)]
    same = [v == w or (math.isnan(v) and math.isnan(w)) for v, w in zip(plain, values, strict=True)]
    return {
        "mean": _mean(kept),
        "sd": float(np.std(kept, ddof=1)) if len(kept) > 1 else math.nan,
        "median": float(np.median(kept)) if kept else math.nan,
        "n": len(kept),
        "undefined": len(values) - len(kept),
        "counted_as_worst": same.count(False),
        "empty_in_truth": sum(r.get("n_ref") == 0 for r in rows),
        "empty_in_prediction": sum(
            r.get("n_pred") == 0 and r.get("status") != "missing" for r in rows
        ),
        "missing": sum(r.get("status") == "missing" for r in rows),
    }


def counted_value(row: Row, metric: str) -> float:
    """Return what a row counts with in a mean; `nan` is left out.

    Infinite distances count as the diagonal of the image in mm. A prediction that is empty where
    the truth is not counts as the diagonal in every distance (also where the row is undefined) and
    as 0 in lesion precision (1 in the row: nothing found is nothing wrong), so that a model that
    predicts nothing is never the best.

    Example:
        >>> row = {"n_ref": 9, "n_pred": 0, "diagonal_mm": 17.3, "lesion_precision": 1.0}
        >>> counted_value(row, "lesion_precision"), counted_value(row, "centre_mm")
        (0.0, 17.3)
    """
    value = float(row.get(metric, math.nan))
    found_nothing = row.get("n_pred") == 0 and row.get("n_ref", 0) > 0
    if found_nothing:
        known = known_metric(metric)
        value = known.worst if known is not None and known.counts_empty else value
    return float(row["diagonal_mm"]) if math.isinf(value) else value


def _mean(values: Sequence[float]) -> float:
    kept = [v for v in values if not math.isnan(v)]
    return float(np.mean(kept)) if kept else math.nan


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    text = str(value)
    # a spreadsheet would run a name that begins like a formula
    starts = isinstance(value, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{text}" if starts else text
