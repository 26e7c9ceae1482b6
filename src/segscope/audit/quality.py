"""Quality of each case without truth: mu and the field's usual scores, measured side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from segscope.audit.cases import AuditCase, Opened
from segscope.audit.measured import Means, Measured
from segscope.audit.names import SCORE, SCORES, measure_case
from segscope.audit.result import DatasetAudit
from segscope.audit.subject import open_subject
from segscope.data import AS_STORED, ReadOptions
from segscope.errors import InputError
from segscope.images import Case
from segscope.inference import TrainedModel, load_model
from segscope.progress import track


def available(
    model: TrainedModel, run: Path | None, ensemble: Sequence[Path], *, masks: bool = False
) -> dict[str, str]:
    """Which scores this run can have: name to an empty text, or to why not."""
    kept = [] if run is None else snapshots(run)
    means = Means(model, tuple(ensemble), tuple(kept), {"any": Path()} if masks else None)
    return {name: score.why_not(means) for name, score in SCORES.items()}


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
    reading: ReadOptions = AS_STORED,
    scores: Sequence[str] = (),
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
        scores: Names of scores of installed packages to measure too.

    Raises:
        InputError: A run of the ensemble predicts other labels; a package's score fails.
    """
    others = [_other(model, folder) for folder in ensemble]
    kept = [] if run is None else snapshots(run)
    if len(kept) < 2:
        kept = []  # not loaded for nothing
    weights = [load_model(run, weights=name, device=str(model.device)) for name in kept if run]
    # cases that came as tensors cannot be prepared for another network
    files = all(map(_has_file, cases))
    means = Means(model, others if files else (), weights, masks)
    names = [n for n, one in SCORES.items() if one.measure is not None and not one.why_not(means)]
    for name in scores:
        with SCORE.running(name):
            why = SCORE.get(name).why_not(means)
        if why:
            raise InputError(f"--score {name}: cannot be measured: {why}; leave it out")
    values: dict[str, list[float]] = {name: [] for name in (*names, *scores)}
    with open_subject(model, reading=reading) as subject:
        for case in track(cases, "quality"):
            measured = Measured(subject.open(case), subject, means)
            for name, of_cases in values.items():
                own = SCORES[name].measure if name in SCORES else None
                of_cases.append(own(measured) if own else measure_case(name, measured))
    return values


def with_figures(found: DatasetAudit, measured: Mapping[str, Sequence[float]]) -> DatasetAudit:
    """Put scores beside an audit's others; some of them compare a case with all others.

    Args:
        found: The audit.
        measured: Score to a number per case, in the audit's order.

    Raises:
        InputError: A package's score cannot compare the cases.
    """
    values = {name: _over_cases(name, list(of_cases)) for name, of_cases in measured.items()}
    done = tuple(
        replace(one, quality={**one.quality, **{name: v[k] for name, v in values.items()}})
        for k, one in enumerate(found.cases)
    )
    return replace(found, cases=done)


def quality_of(found: DatasetAudit) -> dict[str, list[float]]:
    """Collect every score over the cases; an undefined mu counts as 0, the lowest.

    mu is undefined where neither the output nor any unit's map holds a voxel.
    """
    names = list(dict.fromkeys(name for case in found.cases for name in case.quality))
    mu = [case.mu if case.mu == case.mu else 0.0 for case in found.cases]
    return {"mu": mu} | {name: [case.quality[name] for case in found.cases] for name in names}


def _over_cases(name: str, values: list[float]) -> list[float]:
    with SCORE.running(name):
        found = list(SCORE.get(name).over_cases(values))
    if len(found) != len(values):
        raise SCORE.fault(name, f"over_cases gives {len(found)} values for {len(values)} cases")
    return found


def _has_file(case: AuditCase) -> bool:
    return isinstance(case, Case) or (isinstance(case, Opened) and case.source is not None)


def _other(model: TrainedModel, folder: Path) -> TrainedModel:
    other = load_model(folder, device=str(model.device))
    if other.spec.labels != model.spec.labels:
        raise InputError(
            f"--ensemble {folder}: predicts {other.spec.labels}, not {model.spec.labels}"
        )
    return other
