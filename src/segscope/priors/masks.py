"""Masks of whole cases as files: made once, vouched for by hashes, taken as one more channel.

What makes them is a `MaskSource`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segscope.data import (
    Dataset,
    ReadOptions,
    json_ready,
    load_case,
    sha256_of,
    write_frame,
    write_json,
    write_label,
)
from segscope.data.json_files import read_json
from segscope.errors import Failures, InputError
from segscope.images import Case
from segscope.inference import input_hashes, target
from segscope.preprocessing import MASK_CHANNEL, Inputs
from segscope.priors.mask_source import REFERENCE, MaskSource
from segscope.priors.plausibility import MaskFigures, Plausibility, plausibility
from segscope.priors.register import Transform
from segscope.progress import track

_RECORD = "masks.json"


@dataclass(frozen=True)
class CaseMask:
    """A mask on disk.

    Args:
        file: 0 and 1 on the case's grid.
        figures: What it is like.
        plausibility: Against the training masks; None while these are made.
        notes: How it came about.
        frame: File that says where the template lies in the image; None where that is not asked.
    """

    file: Path
    figures: MaskFigures
    plausibility: Plausibility | None
    notes: tuple[str, ...]
    frame: Path | None = None


def make_masks(
    cases: Sequence[Case], source: MaskSource, folder: Path, *, reading: ReadOptions
) -> dict[str, CaseMask]:
    """Make the masks of cases into ``folder/CASE.ext``; those that are there and whole are kept.

    ``masks.json`` beside them holds hashes, figures, plausibility and transforms.

    Raises:
        InputError: After all others were made: cases or masks that cannot be read; each is named.
        WorkError: The same, where some failed for other reasons.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = _read_record(folder / _RECORD)
    made: dict[str, CaseMask] = {}
    failures = Failures()
    for case in track(cases, "making masks"):
        with failures.of(case.name):
            made[case.name] = _made(case, source, folder, record, reading)
    if source.reference:
        note_plausibility(folder, made)
    failures.check(len(cases), what="masks")
    if failures.reasons:
        error = failures.error(len(cases), kept=f"\nthe masks of the others are in {folder}")
        if failures.bad_input:
            raise InputError(str(error))
        raise error
    return made


def _made(
    case: Case, source: MaskSource, folder: Path, record: dict[str, Any], reading: ReadOptions
) -> CaseMask:
    """Make one mask, or take the one that is there, and note it in the record."""
    file = target(case, folder)
    inputs = _inputs(case, source)
    known = record.get(case.name)
    if known is None or not _vouched(known, source, inputs, file):
        image = load_case(
            replace(case, label_file=None),
            channels=len(source.plan.image_channels),
            reading=reading,
        ).image
        found = source.make(case, image, reading)
        write_label(file, found.mask, like=case.image_files[0])
        known = {
            "made_by": source.identity,
            "inputs": inputs,
            "sha256": sha256_of(file),
            "figures": found.figures.to_dict(),
            "notes": list(found.mask.notes),
            "transform": found.transform and found.transform.to_dict(),
        }
        record[case.name] = known
        write_json(folder / _RECORD, {"format": 1, "cases": json_ready(record)})
    figures = MaskFigures.from_dict(known["figures"])
    judged = plausibility(figures, source.reference) if source.reference else None
    frame = _framed(case, source, folder, known)
    return CaseMask(file, figures, judged, tuple(known["notes"]), frame)


def frame_file(case: Case, folder: Path) -> Path:
    """Where the file lies that says where the template is in a case, beside its mask."""
    return folder / f"{case.name}.frame.json"


def _framed(case: Case, source: MaskSource, folder: Path, known: Mapping[str, Any]) -> Path | None:
    """Write where the template lies, as the record says, where a network wants to know."""
    found = known["transform"] and Transform.from_dict(known["transform"])
    frame = source.frame(found)
    if frame is None:
        return None
    file = frame_file(case, folder)
    write_frame(file, frame)
    return file


def note_plausibility(folder: Path, masks: Mapping[str, CaseMask]) -> None:
    """Write into ``masks.json`` how plausible each mask is."""
    record = _read_record(folder / _RECORD)
    for name, mask in masks.items():
        if mask.plausibility is not None:
            record[name]["plausibility"] = mask.plausibility.score
            record[name]["warnings"] = list(mask.plausibility.warnings)
    write_json(folder / _RECORD, {"format": 1, "cases": json_ready(record)})


def write_reference(folder: Path, masks: Mapping[str, CaseMask]) -> None:
    """Note what the training masks are like, for the plausibility of later ones.

    Raises:
        InputError: All are empty.
    """
    figures = {name: mask.figures.to_dict() for name, mask in masks.items()}
    if not any(mask.figures.size_mm > 0 for mask in masks.values()):
        raise InputError(f"all {len(masks)} training masks are empty; choose another mask.method")
    write_json(folder / REFERENCE, {"format": 1, "masks": figures})


def masked(
    cases: Sequence[Case], masks: Mapping[str, CaseMask], inputs: Inputs
) -> tuple[Case, ...]:
    """Give each case its mask as last or only channel, and its frame where there is one."""
    return tuple(
        replace(
            case,
            image_files=(
                *(case.image_files if inputs != "gbm" else ()),
                *([masks[case.name].file] if inputs != "image" else ()),
            ),
            frame_file=masks[case.name].frame,
        )
        for case in cases
    )


def masked_dataset(dataset: Dataset, masks: Mapping[str, CaseMask], inputs: Inputs) -> Dataset:
    """Show a dataset with masks: of the cases that have one, the others are left out."""
    own = dataset.channel_names if inputs != "gbm" else ()
    mask = (MASK_CHANNEL,) if inputs != "image" else ()
    return replace(
        dataset,
        channel_names=(*own, *mask),
        training=masked([c for c in dataset.training if c.name in masks], masks, inputs),
        test=(),
    )


def _inputs(case: Case, source: MaskSource) -> list[str]:
    files = list(case.image_files)
    if source.plan.method == "labels" and case.label_file is not None:
        files.append(case.label_file)
    if source.files is not None:
        files.append(source.file_of(case))
    return input_hashes(tuple(files))


def _vouched(known: Mapping[str, Any], source: MaskSource, inputs: list[str], file: Path) -> bool:
    return (
        known["made_by"] == source.identity
        and known["inputs"] == inputs
        and file.is_file()
        and known["sha256"] == sha256_of(file)
    )


def _read_record(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    facts = read_json(file, remedy="name another folder")
    try:
        record: dict[str, Any] = facts["cases"]
        for known in record.values():
            if not {"made_by", "inputs", "sha256", "figures", "notes"} <= known.keys():
                raise ValueError("an entry is not whole")
        return record
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file}: is no record of masks ({error}); name another folder") from None
