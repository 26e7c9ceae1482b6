"""Score a folder of predictions against a folder of truth, one case at a time."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.errors import InputError
from segscope.images import Grid, LabelMap
from segscope.metrics.checks import check_labels, check_tolerance
from segscope.metrics.names import check_more, known_metric
from segscope.metrics.overlap import count_agreement
from segscope.metrics.scores import evaluate_case
from segscope.metrics.summary import Row, Summary
from segscope.metrics.wmh import masks_of_challenge, wmh2017
from segscope.paths import is_folder, kind_of, list_folder
from segscope.progress import track


@dataclass(frozen=True)
class LabelReader:
    """How label maps are found and read, which another room knows.

    Args:
        read: Reads a label map, such as `segscope.data.read_label`.
        ending_of: From a file to its ending, which its case's name does not have, or None where it
            is no image, such as `segscope.data.image_ending`.
        read_truth: Reads one of the truth, where that takes something else.
    """

    read: Callable[[Path], LabelMap]
    ending_of: Callable[[Path], str | None]
    read_truth: Callable[[Path], LabelMap] | None = None

    def stem(self, file: Path) -> str:
        """A label file's name without its ending, or its whole name where it is no image.

        Example:
            >>> LabelReader(lambda _: None, lambda file: file.suffix).stem(Path("a.b.png"))
            'a.b'
        """
        return file.name.removesuffix(self.ending_of(file) or "")


@dataclass(frozen=True)
class _Options:
    convention: str
    empty: str
    tolerance_mm: float
    metrics: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.convention not in ("default", "wmh2017"):
            raise InputError(f"convention {self.convention!r}: expected default or wmh2017")
        if self.empty not in ("nan", "one"):
            raise InputError(f"empty {self.empty!r}: expected nan or one")
        if self.convention == "wmh2017" and self.empty == "one":
            raise InputError(
                "empty 'one' is no choice in wmh2017, whose Dice of nothing is undefined"
            )

        if self.convention == "wmh2017" and self.metrics:
            raise InputError(
                f"metric {self.metrics[0]!r}: wmh2017 has the challenge's five alone; use default"
            )
        check_more(self.metrics)
        try:
            check_tolerance(self.tolerance_mm)
        except ValueError as error:
            raise InputError(f"{error}; name a number of millimetres") from None

    def described(self) -> dict[str, Any]:
        """What is written beside the numbers."""
        means = {
            "worst_in_means": (
                "infinite distances count as the image diagonal in mm; a prediction that is empty "
                "where the truth is not counts as the diagonal in distances and as 0 in lesion "
                "precision"
            ),
            "missing_prediction": "overlaps and lesions 0, volume difference 100 %, diagonal in mm",
            "null_in_json": "undefined or infinite; metrics.csv has an empty cell or inf",
        }
        if self.convention == "wmh2017":
            return {
                "convention": "wmh2017",
                "hd95": "in-plane borders, maximum of the two directed 95th percentiles",
                "plane": "across the array axis that is closest to the body's long axis",
                **means,
            }
        return {
            "convention": "default",
            "both_empty": "undefined" if self.empty == "nan" else "1",
            "border": "voxels with a face neighbour outside the mask or the array",
            "hd95": "maximum of the two directed 95th percentiles between border voxel centres",
            "assd": "mean of all directed distances together",
            "nsd_tolerance_mm": self.tolerance_mm,
            "lesions": "components with full connectivity, found when one voxel overlaps",
            **means,
        }


def evaluate_folders(
    predictions: Path,
    truth: Path | Mapping[str, Path],
    *,
    read: LabelReader,
    labels: Mapping[str, int] | None = None,
    cases: Sequence[str] | None = None,
    empty: str = "nan",
    tolerance_mm: float = 1.0,
    convention: str = "default",
    metrics: Sequence[str] = (),
) -> Summary:
    """Score a folder of predictions against a folder of truth (or one file against another).

    Args:
        predictions: Label maps named as those of ``truth``, in any format that ``read`` finds.
        truth: Label maps, in a folder or by case; every one needs a prediction, or counts as
            missing.
        read: Finds and reads label maps.
        labels: Name to value; where not given, all values that occur, named by their number.
        cases: Names to look at; all of ``truth`` where not given.
        empty: ``nan`` or ``one``, see `overlap_scores`.
        tolerance_mm: Of the normalised surface Dice.
        convention: ``default``, or ``wmh2017`` for the challenge's five figures.
        metrics: Names of metrics of installed packages to measure too.

    Raises:
        InputError: An argument is unknown, a file is refused, or a prediction lies on another
            grid; all cases are listed.
    """
    options = _Options(convention, empty, tolerance_mm, tuple(metrics))
    if convention == "wmh2017":
        labels = {"lesion": 1}
    if labels is not None:
        try:
            labels = check_labels(labels)
        except ValueError as error:
            raise InputError(f"{error}; mend them") from None
    predicted, true = _pair(Path(predictions), truth, read)
    wanted = sorted(true) if cases is None else list(cases)
    absent = [name for name in wanted if name not in true]
    if absent:
        place = "truth" if isinstance(truth, Mapping) else truth
        raise InputError(f"{place}: has no label map for {', '.join(absent[:5])}")
    scored: dict[str, tuple[Grid, dict[str, Row]]] = {}
    problems: list[str] = []
    for name in track(wanted, "evaluating"):
        try:
            found, expected = _on_one_grid(
                None if name not in predicted else read.read(predicted[name]),
                (read.read_truth or read.read)(true[name]),
                named=f"{predicted.get(name)} and {true[name]}",
            )
            names = _occurring(found, expected) if labels is None else labels
            scored[name] = expected.grid, _score(found, expected, names, options)
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError(f"{len(problems)} cases cannot be compared:", problems)
    names = _all_labels(rows for _, rows in scored.values()) if labels is None else labels
    rows: list[Row] = []
    for name, (grid, by_label) in scored.items():
        facts = {
            "status": "ok" if name in predicted else "missing",
            "prediction_file": str(predicted[name]) if name in predicted else None,
            "reference_file": str(true[name]),
        }
        if labels is None:
            by_label = _with_absent(by_label, names, grid, name in predicted, options)
        rows += [
            {"case": name, "label": label, "value": names[label], **facts, **values}
            for label, values in by_label.items()
        ]
    return Summary(
        tuple(rows),
        tuple(name for name in wanted if name not in predicted),
        tuple(sorted(set(predicted) - set(true))),
        options.described(),
        options.metrics,
    )


def _score(
    found: LabelMap | None, expected: LabelMap, labels: Mapping[str, int], options: _Options
) -> dict[str, Row]:
    array = np.zeros_like(expected.array) if found is None else found.array
    grid = expected.grid
    scores: Mapping[str, Row]
    if options.convention == "wmh2017":
        scores = {"lesion": _wmh_row(array, expected)}
    else:
        scores = evaluate_case(
            array,
            expected.array,
            grid.spacing_mm,
            labels,
            affine=grid.affine,
            empty=options.empty,
            tolerance_mm=options.tolerance_mm,
            metrics=options.metrics,
        ).to_dict()
    sides = [n * s for n, s in zip(grid.shape, grid.spacing_mm, strict=True)]
    diagonal = {"diagonal_mm": math.hypot(*sides)}
    return {
        label: diagonal | (dict(values) if found is not None else _failed(values))
        for label, values in scores.items()
    }


def _wmh_row(prediction: NDArray[Any], expected: LabelMap) -> Row:
    grid = expected.grid
    if grid.ndim != 3:
        raise InputError(f"wmh2017 compares volumes, got a label map of shape {grid.shape}")
    # the challenge's planes are axial; files may have their slices along another array axis
    axial = int(np.abs(grid.directions[2]).argmax())
    p, t = (np.moveaxis(array, axial, -1) for array in (prediction, expected.array))
    spacing = [s for k, s in enumerate(grid.spacing_mm) if k != axial] + [grid.spacing_mm[axial]]
    return wmh2017(p, t, spacing) | count_agreement(*masks_of_challenge(p, t)).to_dict()


def _failed(values: Mapping[str, float]) -> Row:
    """Turn the scores of an empty prediction into those of none at all: the worst ones."""
    return {name: _worst(name, value) for name, value in values.items()}


def _worst(name: str, value: float) -> float:
    """The worst of a metric; what is no score stays as it is."""
    metric = known_metric(name)
    return value if metric is None or metric.higher_is_better is None else metric.worst


def _with_absent(
    by_label: dict[str, Row],
    names: Mapping[str, int],
    grid: Grid,
    answered: bool,
    options: _Options,
) -> dict[str, Row]:
    """Add the labels that only other cases hold."""
    others = {name: value for name, value in names.items() if name not in by_label}
    if not others:
        return by_label
    nothing = LabelMap(np.broadcast_to(np.uint8(0), grid.shape), grid)
    added = _score(nothing if answered else None, nothing, others, options)
    return {name: (by_label | added)[name] for name in names}


def _occurring(*maps: LabelMap | None) -> dict[str, int]:
    values = {int(v) for m in maps if m is not None for v in np.unique(m.array)}
    return {str(v): v for v in sorted(values) if v}


def _all_labels(cases: Iterable[Mapping[str, Row]]) -> dict[str, int]:
    names = {name for rows in cases for name in rows if name.isdigit()} or {"1"}
    return {name: int(name) for name in sorted(names, key=int)}


def _on_one_grid(
    found: LabelMap | None, expected: LabelMap, *, named: str
) -> tuple[LabelMap | None, LabelMap]:
    if found is None:
        return None, expected
    if found.grid.shape != expected.grid.shape:
        raise InputError(f"{named}: shapes {found.grid.shape} and {expected.grid.shape} differ")
    if not expected.grid.matches(found.grid):
        apart = expected.grid.displacement_mm(found.grid)
        raise InputError(f"{named}: grids lie up to {apart:.3g} mm apart")
    return found, expected


def _pair(
    predictions: Path, truth: Path | Mapping[str, Path], read: LabelReader
) -> tuple[dict[str, Path], dict[str, Path]]:
    if isinstance(truth, Mapping):
        if not predictions.is_dir():
            raise InputError(f"{predictions}: no such folder")
        return _label_files(predictions, read), dict(truth)
    truth = Path(truth)
    for path in (predictions, truth):
        if (kind := kind_of(path)) not in (None, "a folder"):
            raise InputError(f"{path}: is {kind}; name a file or a folder")
    if is_folder(predictions) != is_folder(truth):
        raise InputError(f"{predictions} and {truth}: name two files or two folders")
    if not is_folder(truth):
        name = read.stem(truth)
        return {name: predictions}, {name: truth}
    true = _label_files(truth, read)
    if not true:
        raise InputError(f"{truth}: holds no label map; name the folder that does (labelsTr?)")
    return _label_files(predictions, read), true


def _label_files(folder: Path, read: LabelReader) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in list_folder(folder):
        name = read.stem(file)
        if file.name.startswith(".") or name == file.name:
            continue
        if kind_of(file) is not None:
            raise InputError(f"{file}: is {kind_of(file)}; remove it, or put the file there")
        if name in found:
            raise InputError(f"{file}: is there twice, as {found[name].name}; remove one")
        found[name] = file
    return found
