"""Masks of whole cases as files: made once, vouched for by hashes, taken as one more channel.

What a run needs to make masks of new images lies in its folder ``prior/``: the template or the
coarse network, and the figures of its training masks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from segscope.data import (
    Dataset,
    ReadOptions,
    copy_file,
    image_endings,
    json_ready,
    load_case,
    read_label,
    sha256_of,
    write_image,
    write_json,
    write_label,
)
from segscope.data.json_files import read_json
from segscope.errors import Failures, InputError
from segscope.images import Case, Image, LabelMap
from segscope.inference import input_hashes, load_model, target
from segscope.inference.run_files import check_prior
from segscope.preprocessing import MASK_CHANNEL, Inputs, MaskPlan
from segscope.priors.global_mask import GlobalMask, Source, global_binary_mask
from segscope.priors.plausibility import MaskFigures, Plausibility, plausibility
from segscope.progress import track

_RECORD = "masks.json"
_REFERENCE = "training_masks.json"


@dataclass(frozen=True, eq=False)
class MaskSource:
    """All that a run needs to make masks.

    Args:
        plan: How.
        shared: Template or coarse model, the same for all cases; None where there is none.
        identity: Changes whenever a mask might.
        labels: Name to value of a label map, for method ``labels``.
        files: Folder of masks, for method ``file``.
        reference: Figures of the training masks; empty while these are made.
    """

    plan: MaskPlan
    shared: Source
    identity: str
    labels: Mapping[str, int]
    files: Path | None
    reference: tuple[MaskFigures, ...]

    def make(self, case: Case, image: Image, reading: ReadOptions) -> GlobalMask:
        """Make the mask of one case.

        Raises:
            InputError: A mask file or a label map is missing or refused.
        """
        method, source = self.plan.method, self.shared
        if method == "labels":
            source = self._labels(case, reading)
        if method == "file":
            source = self.file_of(case)
        return global_binary_mask(
            image, method=method, source=source, plan=self.plan, reading=reading
        )

    def _labels(self, case: Case, reading: ReadOptions) -> LabelMap:
        if case.label_file is None:
            raise InputError(f"case {case.name}: has no label map to make its mask from")
        found = read_label(case.label_file, labels=self.labels, reading=reading)
        absent = [name for name in self.plan.labels if name not in self.labels]
        if absent:
            raise InputError(
                f"mask.labels: no label {absent[0]}; there are {', '.join(self.labels)}"
            )
        wanted = [self.labels[name] for name in self.plan.labels]
        wanted = wanted or [value for value in self.labels.values() if value > 0]
        return LabelMap(np.isin(found.array, wanted).astype(np.uint8), found.grid)

    def file_of(self, case: Case) -> Path:
        """Find the mask that the user brings for a case.

        Raises:
            InputError: Not there, or there twice.
        """
        assert self.files is not None  # `open_source` has looked
        found = [f for e in image_endings() if (f := self.files / f"{case.name}{e}").is_file()]
        if len(found) != 1:
            said = "is not there" if not found else f"is there {len(found)} times"
            raise InputError(f"{self.files / case.name}: the mask of case {case.name} {said}")
        return found[0]


@dataclass(frozen=True)
class CaseMask:
    """A mask on disk.

    Args:
        file: 0 and 1 on the case's grid.
        figures: What it is like.
        plausibility: Against the training masks; None while these are made.
        notes: How it came about.
    """

    file: Path
    figures: MaskFigures
    plausibility: Plausibility | None
    notes: tuple[str, ...]


def resolve_mask_plan(
    plan: MaskPlan,
    folder: Path,
    *,
    template: Case,
    reading: ReadOptions,
    device: str = "cpu",
) -> None:
    """Put what makes a run's masks into its folder, so that the run is whole without other files.

    Args:
        plan: Of the recipe.
        folder: ``RUN/prior``.
        template: Whose image is the template, where the plan names no file.
        reading: What may be changed when it is read.
        device: To try the coarse network on.

    Raises:
        InputError: The template or the coarse run cannot be read, or needs a mask itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if plan.method == "threshold":
        case = Case("template", (Path(plan.template),)) if plan.template else template
        channels = 1 if plan.template else len(plan.image_channels)
        image = load_case(replace(case, label_file=None), channels=channels, reading=reading).image
        if not plan.template and plan.channel >= len(image.array):
            raise InputError(f"mask.channel {plan.channel}: there are {len(image.array)} channels")
        chosen = image.array[[0 if plan.template else plan.channel]]
        ending = ".png" if image.grid.ndim == 2 else ".nii.gz"
        if ending == ".png" and chosen.dtype != np.uint8:
            raise InputError("mask.method threshold: plane images must be of 8 bits")
        write_image(folder / f"template{ending}", Image(chosen, image.grid))
    if plan.method == "network":
        model = load_model(Path(str(plan.run)), device=device)
        if model.spec.mask is not None:
            raise InputError(f"mask.run {plan.run}: needs a mask itself; name a run of images")
        coarse = folder / "coarse"
        coarse.mkdir(exist_ok=True)
        for name in ("model.json", "weights_best.safetensors"):
            copy_file(Path(str(plan.run)) / name, coarse / name)


def open_mask_source(
    plan: MaskPlan,
    folder: Path,
    *,
    files: Path | None = None,
    labels: Mapping[str, int] | None = None,
    device: str = "cpu",
) -> MaskSource:
    """Take a run's ``prior/`` up.

    Args:
        plan: Of the recipe or the model.
        folder: ``RUN/prior``.
        files: Folder of masks, instead of the plan's.
        labels: Of the dataset, for experiments with method ``labels``.
        device: For the coarse network.

    Raises:
        InputError: Something is missing; ``labels`` where there are none to be had.
    """
    check_prior(folder)
    shared: Source = None
    parts = [plan.model_dump_json()]
    if files is not None:
        plan = plan.model_copy(update={"method": "file", "folder": str(files)})
    elif plan.method == "labels" and labels is None:
        raise InputError(
            "this run's masks come from the experts' labels, which new images do not have: it is "
            "for experiments; give masks with --masks FOLDER, or train with mask.method network"
        )
    elif plan.method == "threshold":
        found = [f for e in (".nii.gz", ".png") if (f := folder / f"template{e}").is_file()]
        if not found:
            raise InputError(f"{folder}: holds no template; is the run whole?")
        shared = load_case(Case("template", (found[0],)), channels=1).image
        parts.append(sha256_of(found[0]))
    elif plan.method == "network":
        shared = load_model(folder / "coarse", device=device)
        parts.append(shared.weights_sha256)
    where = files or (Path(plan.folder) if plan.method == "file" and plan.folder else None)
    if where is not None and not where.is_dir():
        raise InputError(f"{where}: no such folder of masks; say where with --masks FOLDER")
    return MaskSource(
        plan=plan,
        shared=shared,
        identity=sha256_of("\n".join([*parts, str(where)]).encode()),
        labels=labels or {},
        files=where,
        reference=read_reference(folder),
    )


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
    return CaseMask(file, figures, judged, tuple(known["notes"]))


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
    write_json(folder / _REFERENCE, {"format": 1, "masks": figures})


def read_reference(folder: Path) -> tuple[MaskFigures, ...]:
    """Read what `write_reference` wrote; empty where it has not yet."""
    file = folder / _REFERENCE
    if not file.is_file():
        return ()
    facts = read_json(file, remedy="train the run again")
    try:
        return tuple(MaskFigures.from_dict(found) for found in facts["masks"].values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file}: is damaged ({error}); train the run again") from None


def masked(
    cases: Sequence[Case], masks: Mapping[str, CaseMask], inputs: Inputs
) -> tuple[Case, ...]:
    """Give each case its mask as last channel, or as the only one."""
    return tuple(
        replace(
            case,
            image_files=(
                *(case.image_files if inputs == "image+gbm" else ()),
                masks[case.name].file,
            ),
        )
        for case in cases
    )


def masked_dataset(dataset: Dataset, masks: Mapping[str, CaseMask], inputs: Inputs) -> Dataset:
    """Show a dataset with masks: of the cases that have one, the others are left out."""
    own = dataset.channel_names if inputs == "image+gbm" else ()
    return replace(
        dataset,
        channel_names=(*own, MASK_CHANNEL),
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
