"""Quality of each case without truth: mu and the field's usual figures, measured side by side."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

from segscope.audit.cases import AuditCase, Opened
from segscope.audit.result import DatasetAudit
from segscope.audit.subject import Preparation, Subject, open_subject
from segscope.data import AS_STORED, Reading, read_label
from segscope.errors import InputError
from segscope.explain.quality import pairwise_dice
from segscope.explain.vog import normalised, variance_of_gradients
from segscope.features import to_labels
from segscope.inference import TrainedModel, load_model, predict_labels
from segscope.inference.predict import label_prepared
from segscope.priors import prior_distance
from segscope.progress import track

FIGURES = {
    "mu": "mean SA of the last two layers' units against the output",
    "max_probability": "mean maximum probability",
    "foreground_certainty": "one minus the mean entropy over the foreground",
    "tta": "pairwise Dice of mirrored predictions",
    "dropout": "pairwise Dice of dropout samples",
    "ensemble": "pairwise Dice of several runs",
    "vog": "variance of gradients over training checkpoints, negated",
    "prior_inside": "share of the predicted voxels inside the global binary mask",
    "prior_centre": "distance of the prediction's centre from the mask's in mm, negated",
    "prior_volume": "predicted over the mask's volume, as far from the cases' median, negated",
}
"""What each figure is; all are higher for better predictions."""

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
_SAMPLES = 8
_PRIOR = ("prior_inside", "prior_centre", "prior_volume")


def available(
    model: TrainedModel, run: Path | None, ensemble: Sequence[Path], *, masks: bool = False
) -> dict[str, str]:
    """Which figures this run can have: name to an empty text, or to why not."""
    has_dropout = any(isinstance(m, _DROPOUTS) and m.p > 0 for m in model.net.modules())
    kept = [] if run is None else snapshots(run)
    return {
        "mu": "",
        "max_probability": "",
        "foreground_certainty": "",
        "tta": "" if model.spec.mirror_axes else "it was not trained on mirrored images",
        "dropout": "" if has_dropout else "the network has no dropout",
        "ensemble": "" if ensemble else "name other runs with --ensemble",
        "vog": "" if len(kept) >= 2 else "the run kept fewer than two snapshots (train.snapshots)",
        **dict.fromkeys(_PRIOR, "" if masks else "there are no global binary masks (--masks)"),
    }


def snapshots(run: Path) -> list[str]:
    """Names of the weights that a run kept at certain epochs."""
    return sorted(f.stem.removeprefix("weights_") for f in run.glob("weights_epoch*.safetensors"))


def measure_figures(
    model: TrainedModel,
    cases: Sequence[AuditCase],
    *,
    run: Path | None = None,
    ensemble: Sequence[Path] = (),
    masks: Mapping[str, Path] | None = None,
    reading: Reading = AS_STORED,
) -> dict[str, list[float]]:
    """Measure every available figure that needs more passes than the audit's, a number per case.

    No case's number depends on another case, so they may be measured in pieces; `with_figures`
    compares those that are to be compared.

    Args:
        model: What was audited.
        cases: That were audited.
        run: Its folder, for snapshots.
        ensemble: Folders of other runs that predict the same labels.
        masks: Case name to its global binary mask, on the case's grid.
        reading: What may be changed when cases are read.

    Raises:
        InputError: A run of the ensemble predicts other labels.
    """
    can = available(model, run, ensemble)
    others = [_other(model, folder) for folder in ensemble]
    kept = [load_model(run, weights=name, device=str(model.device)) for name in snapshots(run)] \
        if run is not None and not can["vog"] else []  # fmt: skip
    with open_subject(model, reading=reading) as subject:
        return _figures(subject, model, cases, can, _Others(others, kept, masks))


def with_figures(found: DatasetAudit, measured: Mapping[str, Sequence[float]]) -> DatasetAudit:
    """Put figures beside an audit's others; two of them compare a case with all others.

    Args:
        found: The audit.
        measured: Figure to a number per case, in the audit's order.
    """
    values = dict(measured)
    if "prior_volume" in values:
        ratios = values["prior_volume"]
        values["prior_volume"] = [-abs(ratio - median(ratios)) for ratio in ratios]
    if "vog" in values:
        values["vog"] = [-value for value in normalised(values["vog"])]
    done = tuple(
        replace(one, quality={**one.quality, **{name: v[k] for name, v in values.items()}})
        for k, one in enumerate(found.cases)
    )
    return replace(found, cases=done)


@dataclass(frozen=True)
class _Others:
    """What some figures need beside the model: networks of an ensemble or of snapshots, masks."""

    ensemble: Sequence[TrainedModel]
    snapshots: Sequence[TrainedModel]
    masks: Mapping[str, Path] | None


def _figures(
    subject: Subject,
    model: TrainedModel,
    cases: Sequence[AuditCase],
    can: Mapping[str, str],
    beside: _Others,
) -> dict[str, list[float]]:
    """Measure each figure that can be had, a number per case."""
    classes, reading = len(subject.class_names), subject.reading
    values: dict[str, list[float]] = {}
    for case in track(cases, "quality"):
        opened = subject.open(case)
        if not can["tta"]:
            values.setdefault("tta", []).append(
                pairwise_dice(_mirrored(subject, opened, model.spec.mirror_axes), classes)
            )
        if not can["dropout"]:
            values.setdefault("dropout", []).append(
                pairwise_dice(_dropped(subject, opened), classes)
            )
        if beside.ensemble and opened.source is not None:
            answers = _answers([model, *beside.ensemble], opened, reading)
            values.setdefault("ensemble", []).append(pairwise_dice(answers, classes))
        if beside.snapshots:
            pieces = subject.pieces(opened).image.to(subject.device)
            vog = variance_of_gradients([one.net for one in beside.snapshots], pieces)
            values.setdefault("vog", []).append(vog)
        if beside.masks:
            own = _from_prior(model, opened, beside.masks[opened.name], reading)
            for name, value in own.items():
                values.setdefault(name, []).append(value)
    return values


def quality_of(found: DatasetAudit) -> dict[str, list[float]]:
    """Collect every figure over the cases; an undefined mu counts as 0, the lowest.

    mu is undefined where neither the output nor any unit's map holds a voxel.
    """
    names = list(dict.fromkeys(name for case in found.cases for name in case.quality))
    mu = [case.mu if case.mu == case.mu else 0.0 for case in found.cases]
    return {"mu": mu} | {name: [case.quality[name] for case in found.cases] for name in names}


def _from_prior(
    model: TrainedModel, opened: Opened, file: Path, reading: Reading
) -> dict[str, float]:
    """Distance of a prediction from its mask on the file's grid.

    Nothing predicted, or an empty mask, is as far as can be: the image's diagonal.
    """
    found = _answers([model], opened, reading)[0].numpy()
    mask = read_label(file)
    apart = prior_distance(found, mask.array, mask.grid.spacing_mm)
    sides = [n * s for n, s in zip(mask.grid.shape, mask.grid.spacing_mm, strict=True)]
    worst = math.hypot(*sides)
    return {
        "prior_inside": 0.0 if math.isnan(apart.share_outside) else 1 - apart.share_outside,
        "prior_centre": -worst if math.isnan(apart.centre_mm) else -apart.centre_mm,
        "prior_volume": 0.0 if math.isnan(apart.volume_ratio) else apart.volume_ratio,
    }


def _other(model: TrainedModel, folder: Path) -> TrainedModel:
    other = load_model(folder, device=str(model.device))
    if other.spec.labels != model.spec.labels:
        raise InputError(
            f"--ensemble {folder}: predicts {other.spec.labels}, not {model.spec.labels}"
        )
    return other


def _labels(subject: Subject, opened: Opened, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Predict pieces after a change that is its own inverse."""
    pieces = subject.pieces(opened)
    with torch.inference_mode():
        found = []
        for x in pieces.image.split(1):  # a loop, not a comprehension: one frame less on the way
            guide, _ = subject.answer(change(x.to(subject.device)))
            found.append(change(guide).cpu())
    return to_labels(pieces.joined(torch.cat(found))[None])[0]


def _mirrored(subject: Subject, opened: Opened, axes: Sequence[int]) -> list[Tensor]:
    flips = [c for n in range(len(axes) + 1) for c in combinations([2 + a for a in axes], n)]

    def flipped(dims: tuple[int, ...]) -> Callable[[Tensor], Tensor]:
        return lambda x: x.flip(dims)

    return list(map(partial(_labels, subject, opened), map(flipped, flips)))


def _dropped(subject: Subject, opened: Opened) -> list[Tensor]:
    with _dropping(subject.net):
        return [_labels(subject, opened, lambda x: x) for _ in range(_SAMPLES)]


@contextmanager
def _dropping(net: nn.Module) -> Iterator[None]:
    """Let dropout drop, by seeded numbers, and everything else stay in evaluation mode."""
    layers = [module for module in net.modules() if isinstance(module, _DROPOUTS)]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        try:
            for layer in layers:
                layer.train()
            yield
        finally:
            for layer in layers:
                layer.eval()


def _answers(models: Sequence[TrainedModel], opened: Opened, reading: Reading) -> list[Tensor]:
    """Labels of several models on the file's grid, each with its own preparation.

    The file is read again only for models that prepare it in another way than the audited one.
    """
    source, prepared = opened.source, opened.prepared
    assert source is not None  # the caller looked
    assert prepared is not None  # as it came from a file
    image, found = None, []
    for model in models:
        if model.spec.plan == opened.plan:
            label = label_prepared(model, prepared)
        else:
            image = image or Preparation.of(model).read(source, reading).image
            label = predict_labels(model, image)
        found.append(torch.from_numpy(label.array.astype("int64")))
    return found
