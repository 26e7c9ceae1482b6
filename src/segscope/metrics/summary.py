"""Metrics of many cases: means that hide nothing.

Per metric and label: mean, sd, median, n, and how many were undefined, empty in truth, empty in
prediction, missing. ``nan`` is left out of means and counted; ``inf`` counts as the image diagonal
in mm; a missing prediction scores 0 in overlaps, 100 % in volume, infinitely far in distances.
"""

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segscope.errors import InputError
from segscope.images import LabelMap
from segscope.metrics.scores import DISTANCES, HIGHER_IS_BETTER, evaluate_case
from segscope.metrics.wmh import wmh2017
from segscope.progress import track

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
    """

    rows: tuple[Row, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    conventions: dict[str, Any]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that have means."""
        return tuple(n for n in HIGHER_IS_BETTER if any(n in row for row in self.rows))

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
    values = []
    for row in rows:
        value = float(row.get(metric, math.nan))
        values.append(float(row["diagonal_mm"]) if math.isinf(value) else value)
    kept = [v for v in values if not math.isnan(v)]
    return {
        "mean": _mean(kept),
        "sd": float(np.std(kept, ddof=1)) if len(kept) > 1 else math.nan,
        "median": float(np.median(kept)) if kept else math.nan,
        "n": len(kept),
        "undefined": len(values) - len(kept),
        "infinite_as_diagonal": sum(math.isinf(float(r.get(metric, 0.0))) for r in rows),
        "empty_in_truth": sum(r.get("n_ref") == 0 for r in rows),
        "empty_in_prediction": sum(
            r.get("n_pred") == 0 and r.get("status") != "missing" for r in rows
        ),
        "missing": sum(r.get("status") == "missing" for r in rows),
    }


def evaluate_folders(
    predictions: Path,
    truth: Path,
    *,
    read: Callable[[Path], LabelMap],
    labels: Mapping[str, int] | None = None,
    cases: Sequence[str] | None = None,
    empty: str = "nan",
    tolerance_mm: float = 1.0,
    convention: str = "default",
) -> Summary:
    """Score a folder of predictions against a folder of truth (or one file against another).

    Args:
        predictions: Label maps named as those of ``truth``.
        truth: Label maps; every one needs a prediction, or counts as missing.
        read: Reads a label map.
        labels: Name to value; where not given, all values that occur, named by their number.
        cases: Names to look at; all of ``truth`` where not given.
        empty: ``nan`` or ``one``, see `overlap_scores`.
        tolerance_mm: Of the normalised surface Dice.
        convention: ``default``, or ``wmh2017`` for the challenge's five figures.

    Raises:
        InputError: A file is refused, or a prediction lies on another grid; all are listed.
    """
    if convention not in ("default", "wmh2017"):
        raise InputError(f"--convention {convention}: expected default or wmh2017")
    predicted, true = _pair(Path(predictions), Path(truth))
    wanted = sorted(true) if cases is None else list(cases)
    absent = [name for name in wanted if name not in true]
    if absent:
        raise InputError(f"{truth}: has no label map for {', '.join(absent[:5])}")
    pairs, problems = [], []
    for name in track(wanted, "evaluating"):
        try:
            pairs.append(_read_pair(name, predicted.get(name), true[name], read))
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError(f"{len(problems)} cases cannot be compared:", problems)
    names = dict(labels) if labels is not None else _occurring(pairs)
    rows: list[Row] = []
    for name, found, expected in pairs:
        facts = {
            "prediction_file": str(predicted[name]) if found is not None else None,
            "reference_file": str(true[name]),
        }
        scored = _score(found, expected, names, empty, tolerance_mm, convention)
        status = "ok" if found is not None else "missing"
        rows += [
            {"case": name, "label": label, "value": names[label], "status": status, **facts}
            | values
            for label, values in scored.items()
        ]
    return Summary(
        tuple(rows),
        tuple(name for name in wanted if name not in predicted),
        tuple(sorted(set(predicted) - set(true))),
        {
            "convention": convention,
            "both_empty": "undefined" if empty == "nan" else "1",
            "nsd_tolerance_mm": tolerance_mm,
            "hd95": "maximum of the two directed 95th percentiles between border voxel centres",
            "infinite_distance_in_means": "diagonal of the image in mm",
            "missing_prediction": "overlaps 0, volume difference 100 %, distances infinite",
        },
    )


def _score(
    found: LabelMap | None,
    expected: LabelMap,
    labels: Mapping[str, int],
    empty: str,
    tolerance_mm: float,
    convention: str,
) -> dict[str, Row]:
    spacing = expected.grid.spacing_mm
    sides = [n * s for n, s in zip(expected.grid.shape, spacing, strict=True)]
    diagonal = {"diagonal_mm": math.hypot(*sides)}
    array = np.zeros_like(expected.array) if found is None else found.array
    if convention == "wmh2017":
        five = wmh2017(array, expected.array, spacing)
        if found is None:
            five = {name: _worst(name) for name in five}
        return {"lesion": diagonal | five}
    scores = evaluate_case(
        array,
        expected.array,
        spacing,
        labels,
        affine=expected.grid.affine,
        empty=empty,
        tolerance_mm=tolerance_mm,
    ).to_dict()
    if found is None:
        scores = {
            label: {n: _worst(n) if n in HIGHER_IS_BETTER else v for n, v in values.items()}
            for label, values in scores.items()
        }
    return {label: diagonal | values for label, values in scores.items()}


def _worst(metric: str) -> float:
    if metric in (*DISTANCES, "centre_mm"):
        return math.inf
    return 100.0 if metric == "avd_percent" else 0.0


def _read_pair(
    name: str, predicted: Path | None, true: Path, read: Callable[[Path], LabelMap]
) -> tuple[str, LabelMap | None, LabelMap]:
    expected = read(true)
    if predicted is None:
        return name, None, expected
    found = read(predicted)
    if found.grid.shape != expected.grid.shape:
        raise InputError(
            f"{predicted} and {true}: shapes {found.grid.shape} and {expected.grid.shape} differ"
        )
    if not expected.grid.matches(found.grid):
        apart = expected.grid.displacement_mm(found.grid)
        raise InputError(f"{predicted} and {true}: grids lie up to {apart:.3g} mm apart")
    return name, found, expected


def _pair(predictions: Path, truth: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    for path in (predictions, truth):
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
    if predictions.is_file() != truth.is_file():
        raise InputError(f"{predictions} and {truth}: name two files or two folders")
    if truth.is_file():
        return {stem(truth): predictions}, {stem(truth): truth}
    true = _label_files(truth)
    if not true:
        raise InputError(f"{truth}: holds no label map")
    return _label_files(predictions), true


def _label_files(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if not file.is_file() or file.name.startswith(".") or stem(file) == file.name:
            continue
        if stem(file) in found:
            raise InputError(f"{file}: is there twice, as {found[stem(file)].name}; remove one")
        found[stem(file)] = file
    return found


def stem(file: Path) -> str:
    """Return a label file's name without its ending, or its whole name if it is no image.

    Example:
        >>> stem(Path("a.b.nii.gz")), stem(Path("summary.json"))
        ('a.b', 'summary.json')
    """
    endings = (".nii.gz", ".nii", ".nrrd", ".mha", ".png", ".tif", ".tiff", ".bmp")
    for ending in endings:
        if file.name.lower().endswith(ending):
            return file.name[: -len(ending)]
    return file.name


def _occurring(pairs: Sequence[tuple[str, LabelMap | None, LabelMap]]) -> dict[str, int]:
    values = {
        int(v)
        for _, found, expected in pairs
        for m in (found, expected)
        if m is not None
        for v in np.unique(m.array)
    }
    return {str(v): v for v in sorted(values | {1}) if v}


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
