"""An audit as a folder: tables, JSON, heat-maps on the cases' own grids, pictures.

audit.json  cases.csv  layers.csv  units.csv  heatmaps/CASE.nii.gz  pictures/*.png
"""

import importlib.util
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np
from torch import nn

from segscope.audit import (
    CaseAudit,
    DatasetAudit,
    Drawn,
    KeptCases,
    draw_case,
    measure_figures,
    open_subject,
    with_figures,
)
from segscope.audit.summary import unit_means, worst_first
from segscope.data import (
    AS_STORED,
    ReadOptions,
    write_bytes,
    write_json,
    write_text,
)
from segscope.errors import Failures, InputError
from segscope.features import Layers
from segscope.images import Case
from segscope.inference import TrainedModel, write_manifest
from segscope.paths import check_new_folder
from segscope.report.audit_figures import LayerMap, UnitMap, heat_figure, layer_sheet, unit_sheet
from segscope.workflows.audit_pieces import (
    AuditKeywords,
    Beside,
    Several,
    audit_by_several,
    audit_files,
)
from segscope.workflows.masks import Masked, mask_cases

_PICTURED = 8
_WORST = 3

Extra = Literal["heatmaps", "parquet"]
HEAT_MAPS: tuple[Extra, ...] = ("heatmaps",)


class FolderKeywords(AuditKeywords, total=False):
    """What an audit takes, and quality scores of installed packages."""

    known: KeptCases

    scores: Sequence[str]


def run_audit(
    model: nn.Module | TrainedModel,
    cases: Sequence[Case],
    folder: Path,
    *,
    run: Path | None = None,
    ensemble: Sequence[Path] = (),
    masks: Path | None = None,
    extras: Collection[Extra] = HEAT_MAPS,
    prepared: Mapping[str, Any] | None = None,
    several: Several | None = None,
    **options: Unpack[FolderKeywords],
) -> DatasetAudit:
    """Audit cases and write everything into ``folder``.

    Args:
        model: Any network, or a trained model.
        cases: Of a dataset.
        folder: New or empty.
        run: The model's, for snapshots (variance of gradients).
        ensemble: Other runs to compare predictions with.
        masks: Folder of the user's global binary masks; to show them to a network that wants
            one, and to compare any network's predictions with.
        extras: ``heatmaps`` writes the share of units per voxel for every case, ``parquet`` the
            tables as Parquet too.
        prepared: How images are prepared, as plain values; kept in ``audit.json``.
        several: Who audits, where that is not this process.
        **options: As of `segscope.audit.audit`; ``scores`` as of `segscope.audit.add_quality`;
            ``known`` are cases that were prepared before, which this process does not read again.

    Raises:
        InputError: The folder holds something; no case can be read; layers that do not exist.
        WorkError: After all others were audited and written: some cases failed; each is named.
    """
    check_new_folder(folder)
    scores, known = tuple(options.pop("scores", ())), options.pop("known", None)
    if "parquet" in extras and importlib.util.find_spec("pyarrow") is None:
        raise InputError("--parquet: needs pyarrow; install segscope[parquet]")
    reading = options.setdefault("reading", AS_STORED)
    layers = options.get("layers", "auto")
    how = {k: v for k, v in options.items() if k in ("output", "preparation", "reading")}
    shown = _masked(model, run or folder, cases, folder / "masks", reading, masks)
    failures = Failures()
    beside = Beside(run, tuple(ensemble), shown.files, scores)
    heat = folder / "heatmaps" if "heatmaps" in extras else None
    with KeptCases(folder) as kept:  # each case is read and prepared once
        if several is not None:
            found = audit_by_several(
                several,
                model,
                shown.cases,
                failures,
                options=options,
                beside=beside,
                heat_maps=heat,
            )
        else:
            found = audit_files(
                model, shown.cases, kept, failures, options, heat_maps=heat, known=known
            )
        failures.check(len(shown.cases), what="audit")
        if several is not None:
            _keep_pictured(kept, model, shown.cases, found, how)
        elif isinstance(model, TrainedModel):
            figures = measure_figures(model, kept, reading=reading, **beside.keywords())
            found = with_figures(found, figures)
        found = _with_notes(found, shown)
        how_prepared = {} if prepared is None else {"preparation": dict(prepared)}
        counted = {"cases": len(found.cases), **how_prepared}
        found = replace(found, made_with={**found.made_with, **counted})
        _write_pictures(folder / "pictures", model, kept, found, layers, how)
    for name, text in found.tables().items():
        write_text(folder / f"{name}.csv", text)
    if "parquet" in extras:
        for name, rows in found.rows().items():
            write_bytes(folder / f"{name}.parquet", _parquet(rows))
    made = found.made_with
    done = [case for case in shown.cases if case.name not in failures.reasons]
    write_manifest(folder, done, device=made["device"], weights=made["weights_sha256"])
    write_json(folder / "audit.json", found.to_dict())  # last: its presence says that all is there
    if failures.reasons:
        raise failures.error(len(shown.cases), kept=f"\nthe audit of the others is in {folder}")
    return found


def _keep_pictured(
    kept: KeptCases,
    model: nn.Module | TrainedModel,
    cases: Sequence[Case],
    found: DatasetAudit,
    how: dict[str, Any],
) -> None:
    """Read the cases that are drawn: others have audited them."""
    names = {case.name for case in _pictured(found)}
    with open_subject(model, **how) as subject:
        for case in cases:
            if case.name in names:
                kept.keep(subject.open(case))


def _pictured(found: DatasetAudit) -> list[CaseAudit]:
    """Cases with pictures: the lowest mu, the lowest Dice, and the one in the middle."""
    ranked = worst_first(found)
    known = [case for case in ranked if case.dice == case.dice]
    lowest = sorted(known, key=lambda case: case.dice)[:_WORST]
    names = {case.name for case in (*ranked[: _PICTURED - len(lowest)], *lowest)}
    chosen = [case for case in ranked if case.name in names]
    return [*chosen, ranked[len(ranked) // 2]]


def _masked(
    model: nn.Module | TrainedModel,
    run: Path,
    cases: Sequence[Case],
    folder: Path,
    reading: ReadOptions,
    files: Path | None,
) -> Masked:
    if isinstance(model, TrainedModel):
        return mask_cases(model, run, cases, folder, reading=reading, files=files)
    if files is not None:
        raise InputError(f"--masks {files}: is for runs, not for --model")
    return Masked(tuple(cases), {}, {})


def _with_notes(found: DatasetAudit, shown: Masked) -> DatasetAudit:
    """Put what is odd about a case's mask beside its other notes."""
    cases = tuple(
        replace(case, notes=(*case.notes, *shown.warnings.get(case.name, ())))
        for case in found.cases
    )
    return replace(found, cases=cases)


def _parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    stream = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(list(rows)), stream)
    return stream.getvalue()


def read_pictures(folder: Path) -> dict[str, bytes]:
    """Read what `run_audit` drew, by name."""
    return {file.stem: file.read_bytes() for file in sorted((folder / "pictures").glob("*.png"))}


def _write_pictures(
    folder: Path,
    model: nn.Module | TrainedModel,
    cases: KeptCases,
    found: DatasetAudit,
    layers: Layers,
    how: dict[str, Any],
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    *chosen, middle = _pictured(found)
    for case in chosen:
        ends = [layer.layer for layer in case.units]
        drawn = draw_case(model, cases.named(case.name), layers=layers, heat_layers=ends, **how)
        if case is chosen[0]:
            write_bytes(folder / "layers_worst.png", _layers(drawn, found))
        if drawn.heat is not None:
            title = f"{case.name}: mu {case.mu:.3f}"
            picture = heat_figure(drawn.image, drawn.heat, drawn.output, drawn.truth, title)
            write_bytes(folder / f"heat_{case.name}.png", picture)
    units = _chosen_units(found)
    drawn = draw_case(model, cases.named(middle.name), layers=layers, units=units, **how)
    write_bytes(folder / "layers.png", _layers(drawn, found))
    if units:
        titles = ("worst", "worst", "middle", "middle", "best", "best")
        maps = [
            UnitMap(f"unit {unit.unit} ({title})", unit.features, unit.segmentation)
            for unit, title in zip(drawn.units, titles, strict=False)
        ]
        write_bytes(folder / "units.png", unit_sheet(drawn.image, drawn.truth, maps))


def _chosen_units(found: DatasetAudit) -> list[tuple[str, int]]:
    """Two each of the worst, middle and best units of the last layer."""
    if not found.cases[0].units:
        return []
    layer = found.cases[0].units[-1].layer
    means = unit_means(found, -1, "dice" if found.has_truth else "agreement")
    order = np.argsort(means)
    half = len(order) // 2
    places = dict.fromkeys([0, 1, half - 1, half, len(order) - 2, len(order) - 1])
    return [(layer, int(order[k])) for k in places if 0 <= k < len(order)]


def _layers(drawn: Drawn, found: DatasetAudit) -> bytes:
    case = next(one for one in found.cases if one.name == drawn.name)
    maps = [
        LayerMap(_title(number, layer), drawn.layers[layer.layer])
        for number, layer in enumerate(case.layers, start=1)
    ]
    return layer_sheet(drawn.image, drawn.truth, drawn.output, maps)


def _title(number: int, layer: Any) -> str:
    values = layer.scores.get("dice", layer.agreement)
    known = [value for value in values if value == value]
    said = f"{sum(known) / len(known):.3f}" if known else "undefined"
    return f"{number}  SA {said}"
