"""The page of a run, from the files in its folder and in those of audits."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segscope.audit import read_audit
from segscope.data import sha256_of, write_text
from segscope.data.json_files import read_record
from segscope.errors import InputError
from segscope.inference.run_files import LOG, MANIFEST, has_run_file
from segscope.metrics import SHOWN
from segscope.report import Lines, Picture, Section, Table, audit_sections, page, read_log
from segscope.workflows.audit_folder import read_pictures


def write_run_page(run: Path, audit: Path, *, against: Mapping[str, Path], file: Path) -> Path:
    """Write the page.

    Args:
        run: Trained.
        audit: Folder of its audit.
        against: Folders of other audits of the same cases, by name.
        file: The page.
    """
    found = read_audit(audit / "audit.json")
    _check_audit(run, audit)
    peers = {name: read_audit(folder / "audit.json") for name, folder in against.items()}
    sections = [*_training(run), *_scores(run), *_pruning(run)]
    sections += audit_sections(found, pictures=read_pictures(audit), against=peers)
    title = f"{run.resolve().name}: what it learned, and how far to trust it"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, page(title, sections))
    return file


def _check_audit(run: Path, audit: Path) -> None:
    """Refuse the audit of another network; older ones do not say of which they are."""
    file = audit / MANIFEST
    if not os.path.lexists(file):
        return
    audited = read_record(file).get("weights_sha256")
    own = {sha256_of(weights) for weights in sorted(run.glob("weights_*.safetensors"))}
    if audited and own and audited not in own:
        raise InputError(
            f"{file}: this audit is of other weights than those in {run}; audit this run, or name "
            "its audit by --audit"
        )


def _training(run: Path) -> list[Section]:
    if not has_run_file(run, LOG):
        return []
    curves = read_log(run / LOG)
    dice = {n.removeprefix("val_"): c for n, c in curves.items() if n.startswith("val_")}
    loss = {"training loss": curves["train_loss"]}
    charts = [Lines(loss, "epoch", "loss")]
    if dice:
        charts.append(Lines(dice, "epoch", "Dice", "Validation cases, on prepared voxels."))
    return [Section("Training", charts=charts)]


def _scores(run: Path) -> list[Section]:
    facts = _json(run / "validation" / "summary.json")
    if facts is None:
        return []
    means: dict[str, Any] = facts.get("mean", {})
    names = [name for name in SHOWN if any(_key(name) in row for row in means.values())]
    rows = [[label, *(row.get(_key(name)) for name in names)] for label, row in means.items()]
    return [
        Section(
            "Scores of the validation cases",
            ["On each case's own grid, by the best weights."],
            tables=[Table(["label", *names], rows)],
        )
    ]


def _key(name: str) -> str:
    return {"dice": "Dice", "iou": "IoU"}.get(name, name)


def _pruning(run: Path) -> list[Section]:
    facts = _json(run / "prune.json")
    picture = run / "prune.png"
    if facts is None:
        return []
    pictures = [Picture(picture.read_bytes(), "Levels.")] if picture.is_file() else []
    columns = ["level", "parameters", "multiply_adds", "seconds", "dice", "iou"]
    rows = [[row.get(name) for name in columns] for row in facts.get("levels", [])]
    return [Section("Pruning", tables=[Table(columns, rows)], pictures=pictures)]


def _json(file: Path) -> dict[str, Any] | None:
    return read_record(file) if file.is_file() else None
