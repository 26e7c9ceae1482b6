"""An audit by several processes or machines: each takes pieces of the cases.

All that is summed is summed within a case, so what comes out is what one process finds; figures
that compare cases are made when all are there.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypedDict

import numpy as np
from torch import nn

from segscope.audit import (
    CaseAudit,
    CaseMaps,
    DatasetAudit,
    KeptCases,
    Preparation,
    audit_cases,
    dataset_audit,
    measure_figures,
    open_subject,
    with_figures,
)
from segscope.audit.run import Units
from segscope.data import ReadOptions, image_ending, write_bytes, write_image
from segscope.errors import Failures, InputError, in_order
from segscope.features import Layers
from segscope.images import Case, Image
from segscope.inference import TrainedModel
from segscope.inference.manifest import state_hash
from segscope.inference.prepare_file import Output
from segscope.jobs import Crew, open_crew, run_pieces
from segscope.workflows.audit_model import Network
from segscope.workflows.options import JobOptions


class AuditKeywords(TypedDict, total=False):
    """What is passed on to `segscope.audit.audit`."""

    layers: Layers
    units: Units
    output: Output
    preparation: Preparation | None
    reading: ReadOptions
    low_memory: bool


@dataclass(frozen=True)
class Several:
    """Who audits, where that is not this process.

    Args:
        network: How each of them gets the network.
        crew: They.
        say: Receives a line per piece.
    """

    network: Network
    crew: Crew
    say: Callable[[str], None] | None = None


@contextmanager
def by_several(
    options: JobOptions, network: Network, say: Callable[[str], None] | None
) -> Iterator[Several | None]:
    """Have those at hand that a user asked for; None is this process."""
    if not options.by_several:
        yield None
        return
    with open_crew(jobs=options.jobs, ray=options.ray, device=network.device) as crew:
        yield Several(network, crew, say)


class BesideKeywords(TypedDict):
    """What is passed on to `segscope.audit.measure_figures`."""

    run: Path | None
    ensemble: tuple[Path, ...]
    masks: Mapping[str, Path] | None
    scores: tuple[str, ...]


@dataclass(frozen=True)
class Beside:
    """What figures need beside the network; see `segscope.audit.measure_figures`."""

    run: Path | None = None
    ensemble: tuple[Path, ...] = ()
    masks: Mapping[str, Path] | None = None
    scores: tuple[str, ...] = ()

    def keywords(self) -> BesideKeywords:
        """The same for `segscope.audit.measure_figures`."""
        return {
            "run": self.run,
            "ensemble": self.ensemble,
            "masks": self.masks,
            "scores": self.scores,
        }


@dataclass(frozen=True)
class _Task:
    network: Network
    weights: str
    options: AuditKeywords
    beside: Beside | None
    heat_maps: Path | None
    one_disk: bool


@dataclass(frozen=True)
class _Piece:
    found: DatasetAudit
    figures: dict[str, list[float]]
    reasons: dict[str, str]
    bad_input: bool
    traces: list[str]
    heat_maps: dict[str, bytes] = field(default_factory=dict)


def audit_by_several(
    several: Several,
    model: nn.Module | TrainedModel,
    cases: Sequence[Case],
    failures: Failures,
    *,
    options: AuditKeywords,
    beside: Beside | None = None,
    heat_maps: Path | None = None,
    doing: str = "auditing",
) -> DatasetAudit:
    """Audit cases and measure their figures; the same comes out as of one process.

    Args:
        several: Who does it.
        model: What they are to have, each for itself.
        cases: All of them.
        failures: Takes what is wrong with single cases.
        options: As of `segscope.audit.audit`.
        beside: What figures need; None measures none.
        heat_maps: Folder that receives one per case.
        doing: For progress.

    Raises:
        InputError: Options that are not usable; a score of a package that fails.
    """
    net = model.net if isinstance(model, TrainedModel) else model
    found: list[DatasetAudit] = []
    figures: dict[str, dict[str, float]] = {}
    task = _Task(
        several.network, state_hash(net), options, beside, heat_maps, several.crew.one_disk
    )
    for piece, done in run_pieces(
        several.crew, audit_piece, (task,), cases, doing=doing, say=several.say
    ):
        if done.bad_input:  # of the options, or of what is measured: it ends the work of one too
            raise InputError(done.error)
        if done.error:
            failures.take({case.name: done.error for case in piece}, bad_input=False)
            continue
        part: _Piece = done.value
        failures.take(part.reasons, bad_input=part.bad_input, traces=part.traces)
        found.append(part.found)
        for name, values in part.figures.items():
            own = zip(part.found.cases, values, strict=True)
            figures.setdefault(name, {}).update({case.name: value for case, value in own})
        if heat_maps is not None:
            _write_brought(heat_maps, part.heat_maps)
    order = [case.name for case in cases]
    failures.arrange(order)
    together = _joined(found, order)
    names = [case.name for case in together.cases]
    return with_figures(
        together, {figure: [own[name] for name in names] for figure, own in figures.items()}
    )


def _joined(found: Sequence[DatasetAudit], order: Sequence[str]) -> DatasetAudit:
    """Put pieces together in the order of the cases."""
    cases: dict[str, CaseAudit] = {case.name: case for one in found for case in one.cases}
    known = next((one for one in found if one.cases), DatasetAudit("", (), ()))
    return replace(known, cases=tuple(in_order(cases, order).values()))


def audit_piece(task: _Task, cases: Sequence[Case]) -> _Piece:
    """Audit some cases."""
    if task.heat_maps is None or task.one_disk:
        return _audited(task, cases, task.heat_maps)
    with TemporaryDirectory() as folder:
        piece = _audited(task, cases, Path(folder))
        return replace(piece, heat_maps={f.name: f.read_bytes() for f in Path(folder).iterdir()})


def _audited(task: _Task, cases: Sequence[Case], heat_maps: Path | None) -> _Piece:
    model = loaded(task.network, task.weights)
    failures = Failures()
    figures: dict[str, list[float]] = {}
    with KeptCases() as kept:  # each case is read and prepared once
        found = audit_files(model, cases, kept, failures, task.options, heat_maps=heat_maps)
        if task.beside is not None and len(kept) and isinstance(model, TrainedModel):
            reading = task.options["reading"]
            figures = measure_figures(model, kept, reading=reading, **task.beside.keywords())
    return _Piece(found, figures, failures.reasons, failures.bad_input, failures.traces())


@lru_cache(maxsize=1)
def loaded(network: Network, weights: str) -> nn.Module | TrainedModel:
    """Load a network once in this process.

    Raises:
        InputError: It has other weights than those whose hash is given.
    """
    model = network.load()
    if state_hash(model.net if isinstance(model, TrainedModel) else model) != weights:
        where = f"--model {network.name}" if network.run is None else str(network.run)
        raise InputError(
            f"{where}: has other weights each time it is loaded; name --weights, or leave out "
            "--jobs and --ray"
        )
    return model


def audit_files(
    model: nn.Module | TrainedModel,
    cases: Sequence[Case],
    kept: KeptCases,
    failures: Failures,
    options: AuditKeywords,
    *,
    heat_maps: Path | None = None,
    known: KeptCases | None = None,
) -> DatasetAudit:
    """Audit what can be audited, in this process; keep it, and write its heat-map.

    Cases that are ``known`` are not read again.

    Raises:
        InputError: Options that are not usable.
    """
    of_subject = {k: v for k, v in options.items() if k in ("output", "preparation", "reading")}
    how: Any = {k: v for k, v in options.items() if k not in of_subject}
    subject_options: Any = of_subject
    try:
        with open_subject(model, **subject_options) as subject:
            done = []
            shown = cases if known is None else known.instead_of(cases)
            for one, maps in audit_cases(subject, shown, failures=failures, **how):
                with failures.of(one.name):
                    if heat_maps is not None and maps.heat_map is not None:
                        write_heat(heat_maps, maps)
                    kept.keep(maps.case)
                    done.append(one)
                del maps  # the next case needs the memory
            return dataset_audit(subject, done)
    except ValueError as error:
        raise InputError(f"audit: {error}") from None


def write_heat(folder: Path, maps: CaseMaps) -> None:
    """Bring the mean over classes of the heat-map back to the file's grid."""
    case, heat = maps.case, maps.heat_map
    if case.prepared is None or case.plan is None or case.source is None or heat is None:
        return  # a case that came as tensors has no file to lie on
    folder.mkdir(parents=True, exist_ok=True)
    mean = case.as_prepared(heat.mean(0, keepdim=True))
    native = case.plan.undo(mean.numpy(), case.prepared)
    plane = native.grid.ndim == 2
    array = np.round(native.array * 255).astype(np.uint8) if plane else native.array
    ending = ".png" if plane else ".nii.gz"
    like = case.source.image_files[0]
    known = (image_ending(like) or "").lower() in (".nii", ".nii.gz")
    write_image(folder / f"{case.name}{ending}", Image(array, native.grid), like if known else None)


def _write_brought(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(folder / name, content)
