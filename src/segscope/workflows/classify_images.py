"""Many images through a classifier, to a table beside what made it."""

import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from segscope.data import (
    ReadOptions,
    find_cases,
    json_ready,
    open_dataset,
    read_column,
    to_csv,
    write_json,
    write_text,
)
from segscope.errors import Failures, InputError
from segscope.images import Case
from segscope.inference import input_hashes, made_with
from segscope.inference.classify import (
    ClassifierModel,
    ClassifierSpec,
    class_probabilities,
    judge_image,
    prepare_image,
    refuse_far,
)
from segscope.inference.meant import limits
from segscope.metrics import Interval, classification_scores
from segscope.progress import track
from segscope.workflows.opening import images_of

_CHUNK = 64
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Classes:
    """What was predicted, and how well where that is known."""

    rows: list[dict[str, Any]]
    scores: dict[str, Interval]
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        scores = {name: asdict(value) for name, value in self.scores.items()}
        return {"scores": scores, "images": self.rows}


def classify_cases(
    model: ClassifierModel,
    source: Path,
    folder: Path,
    *,
    column: str | None = None,
    reading: ReadOptions,
    anyway: bool = False,
) -> Classes:
    """Classify images into ``classes.csv`` and ``classes.json`` (with hashes and scores).

    Every image is compared with those that the classifier was trained on: what is outside is noted,
    what is far outside is not classified, unless ``anyway``.

    Args:
        model: To classify with.
        source: A dataset (its training images, with ``column``), a folder, or a file.
        folder: Made where it is missing.
        column: Of the dataset's ``cases.csv``, with the true classes.
        reading: What may be changed when images are read.
        anyway: Also classify images far outside of what was trained on.

    Raises:
        InputError: No image that is not refused; classes that the model does not know.
        WorkError: After all others were classified: some images failed; each is named.
    """
    spec = model.spec
    cases, truth = _cases(spec, source, column, reading)
    rows: list[dict[str, Any]] = []
    failures = Failures()
    for remark in limits(model.seen) if model.images is None else ():
        _LOG.warning("%s", remark)
    notes: dict[str, tuple[str, ...]] = {}
    hashes: dict[str, list[str]] = {}
    for start in track(range(0, len(cases), _CHUNK), "classifying"):
        images = {}
        for case in cases[start : start + _CHUNK]:
            with failures.of(case.name):
                images[case.name] = _prepared(model, case, reading, notes, anyway)
        if not images:
            continue
        part = [case for case in cases[start : start + _CHUNK] if case.name in images]
        stacked = torch.stack(list(images.values()))
        for case, values in zip(part, class_probabilities(model, stacked), strict=True):
            hashes[case.name] = input_hashes(case.image_files)
            rows.append(
                {
                    "case": case.name,
                    **({"class": truth[case.name]} if truth else {}),
                    "predicted": spec.classes[int(values.argmax())],
                    **{f"p({n})": float(p) for n, p in zip(spec.classes, values, strict=True)},
                }
            )
    failures.check(len(cases), what="classify")
    scores = {}
    if truth:
        numbers = [spec.classes.index(row["class"]) for row in rows]
        found = [[row[f"p({name})"] for name in spec.classes] for row in rows]
        groups = [case.group for case in cases if case.name in hashes]
        scores = classification_scores(numbers, found, spec.classes, groups=groups)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "classes.csv", to_csv(rows))
    facts = {
        "format": 1,
        "network": spec.network,
        **made_with(model.device),
        "weights_sha256": model.weights_sha256,
        "inputs": hashes,
        "scores": {name: asdict(value) for name, value in scores.items()},
        "images": rows,
    }
    facts |= {"notes": notes} if notes else {}
    facts |= {"failed": failures.reasons} if failures.reasons else {}
    write_json(folder / "classes.json", json_ready(facts))
    if failures.reasons:
        raise failures.error(len(cases), kept=f"\nthe classes of the others are in {folder}")
    return Classes(rows, scores, notes)


def _cases(
    spec: ClassifierSpec, source: Path, column: str | None, reading: ReadOptions
) -> tuple[tuple[Case, ...], dict[str, str]]:
    """Find images, and their classes where a column has them."""
    if column is None:
        with images_of(source):
            return find_cases(source, channels=len(spec.channel_names)), {}
    dataset = open_dataset(source, reading=reading)
    cases, truth = dataset.training, read_column(dataset.folder, column)
    strange = sorted({truth.get(case.name, "") for case in cases} - set(spec.classes))
    if strange:
        raise InputError(
            f"--column {column}: has {strange[0]!r}, the classifier knows {', '.join(spec.classes)}"
        )
    return cases, truth


def _prepared(
    model: ClassifierModel,
    case: Case,
    reading: ReadOptions,
    notes: dict[str, tuple[str, ...]],
    anyway: bool,
) -> torch.Tensor:
    """Prepare an image; say in what it is unlike those of the training, or refuse it."""
    verdict = judge_image(model, case, reading)
    if not anyway:
        refuse_far(verdict, case)
    if said := verdict.describe():
        notes[case.name] = said
        _LOG.warning("%s: %s", case.name, "; ".join(said))
    return prepare_image(model, case, reading)
