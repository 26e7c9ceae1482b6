"""The page of a run, from the files in its folder and in those of audits."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segscope.audit import read_audit
from segscope.audit.readiness import GOOD
from segscope.data import sha256_of, write_text
from segscope.data.json_files import read_record
from segscope.errors import InputError
from segscope.inference.run_files import LOG, MANIFEST, has_run_file
from segscope.metrics import SHOWN
from segscope.report import Lines, Picture, Section, Table, audit_sections, page, read_log
from segscope.workflows.audit_folder import read_pictures
from segscope.workflows.run_answer import Scored, first_screen, read_scores, worst_first


def write_run_page(
    run: Path, audit: Path | None, *, against: Mapping[str, Path], file: Path, good: float = GOOD
) -> str:
    """Write the page: the answer, then the reasons, then how it was made.

    Args:
        run: Trained.
        audit: Folder of its audit; None where there is none.
        against: Folders of other audits of the same cases, by name.
        file: The page.
        good: Dice that a person would accept.

    Returns:
        Its first sentence.
    """
    found = None if audit is None else read_audit(audit / "audit.json")
    if audit is not None:
        _check_audit(run, audit)
    peers = {name: read_audit(folder / "audit.json") for name, folder in against.items()}
    pictures = {} if audit is None else read_pictures(audit)
    scored = read_scores(run)
    sections = [*_scores(scored), *_cases(scored)]
    if found is not None:
        sections += audit_sections(found, pictures=pictures, against=peers)
    sections += [*_training(run), *_pruning(run)]
    title = f"{run.resolve().name}: what it learned, and how far to trust it"
    file.parent.mkdir(parents=True, exist_ok=True)
    answer = first_screen(scored, found, pictures, good=good)
    write_text(file, page(title, sections, answer))
    return answer.sentence


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


def _scores(scored: Scored | None) -> list[Section]:
    """Means with intervals, a row per label."""
    if scored is None:
        return []
    known = {name for found in scored.rows.values() for row in found.values() for name in row}
    names = [name for name in SHOWN if name in known]
    rows = [[label, *(str(scored.mean(label, name)) for name in names)] for label in scored.labels]
    said = (
        "On each case's own grid, by the best weights; the mean (95 % interval over "
        f"{scored.unit}, n)."
    )
    return [
        Section("Scores of the validation cases", [said], tables=[Table(["label", *names], rows)])
    ]


def _cases(scored: Scored | None) -> list[Section]:
    """Every validated case and what is wrong with it, the worst first."""
    if scored is None:
        return []
    rows = [
        [case, scored.dice(case), *(row.get("dice") for row in scored.rows[case].values()),
         scored.failures(case)]
        for case in worst_first(scored)
        if len(scored.rows[case]) == len(scored.labels)
    ]  # fmt: skip
    labels = scored.labels if len(scored.labels) > 1 else ["of the label"]
    table = Table(["case", "mean Dice", *(f"Dice {label}" for label in labels), "what is wrong"],
                  rows)  # fmt: skip
    said = (
        "Predictions with a Dice below one half are told by kind: missed, too small, too large, in "
        "another place, inexact, or predicted where there is none."
    )
    return [Section("Validation cases, the worst first", [said], tables=[table])]


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
