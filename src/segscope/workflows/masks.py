"""Global binary masks around a verb: made before it, shown to the network, drawn for a look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from segscope.data import (
    Dataset,
    ReadOptions,
    Split,
    find_cases,
    is_dataset,
    load_case,
    open_dataset,
    read_label,
    write_bytes,
)
from segscope.data.json_files import read_record
from segscope.errors import InputError
from segscope.images import Case
from segscope.inference import TrainedModel
from segscope.preprocessing import MaskPlan, orientation_to_ras, reorient
from segscope.priors import (
    CaseMask,
    MaskSource,
    Plausibility,
    make_masks,
    masked,
    masked_dataset,
    note_plausibility,
    open_mask_source,
    plausibility,
    resolve_mask_plan,
    write_reference,
)
from segscope.report import Panel, contour_sheet, widest_slice
from segscope.training import Recipe, choose_fold, labelled, parse_settings, read_split
from segscope.workflows.options import FileOptions

_PICTURED = 12


@dataclass(frozen=True)
class Masked:
    """Cases as their network takes them.

    Args:
        cases: With their masks as last channel where the network is shown one.
        files: Case name to mask; empty where there are none.
        warnings: Case name to what is odd about its mask.
    """

    cases: tuple[Case, ...]
    files: dict[str, Path]
    warnings: dict[str, tuple[str, ...]]

    def describe(self) -> list[str]:
        """What is odd, one line per sentence."""
        return [f"{name}: {said}" for name, found in self.warnings.items() for said in found]


def mask_cases(
    model: TrainedModel,
    run: Path,
    cases: Sequence[Case],
    folder: Path,
    *,
    reading: ReadOptions,
    files: Path | None = None,
) -> Masked:
    """Make the masks that a model wants to be shown, or take the user's.

    Args:
        model: Of the run.
        run: With ``prior/``, where its network is shown masks.
        cases: Images.
        folder: Receives ``CASE.ext``, ``masks.json`` and ``masks.png``.
        reading: What may be changed when images are read.
        files: Folder of the user's own masks; of a network that is shown none, to compare its
            predictions with.

    Raises:
        InputError: Masks cannot be made: each way has its own reason.
    """
    plan = model.spec.mask
    if plan is None and files is None:
        return Masked(tuple(cases), {}, {})
    names = plan.image_channels if plan else model.spec.channel_names
    own = plan or MaskPlan(method="file", folder=str(files), image_channels=names)
    source = open_mask_source(own, run / "prior", files=files, device=str(model.device))
    made = make_masks(cases, source, folder, reading=reading)
    write_bytes(folder / "masks.png", mask_sheet(cases, made, source, reading=reading))
    return Masked(
        cases=tuple(cases) if plan is None else masked(cases, made, model.spec.inputs),
        files={name: mask.file for name, mask in made.items()},
        warnings={
            name: mask.plausibility.warnings
            for name, mask in made.items()
            if mask.plausibility is not None and mask.plausibility.warnings
        },
    )


def mask_training(
    dataset: Dataset,
    recipe: Recipe,
    run: Path,
    *,
    train: Sequence[str],
    others: Sequence[str],
    shared: Path | None = None,
    device: str = "cpu",
) -> Dataset:
    """Show the cases of a training with their masks, which are made into ``RUN/masks``.

    ``RUN/prior`` keeps what makes the masks of new images, the template included, and what the
    training masks are like.

    Args:
        dataset: Without masks.
        recipe: With inputs that have a mask.
        run: The run's folder.
        train: Names of the cases that train; the first is the template where none is named.
        others: Names of the cases that validate.
        shared: Folder of masks that several runs share, instead of ``RUN/masks``.
        device: For the coarse network.

    Raises:
        InputError: As of `resolve_mask_plan` and `make_masks`; all training masks are empty.
    """
    plan = recipe.mask
    if plan is None:
        return dataset
    by_name = {case.name: case for case in labelled(dataset)}
    missing = sorted({*train, *others} - by_name.keys())
    if missing or not train:
        raise InputError(f"{dataset.folder}: has no case {missing[:1] or 'to train on'}")
    prior = run / "prior"
    resolve_mask_plan(
        plan, prior, template=by_name[train[0]], reading=dataset.reading, device=device
    )
    # the training masks are what later ones are judged by, not themselves
    source = replace(
        open_mask_source(plan, prior, labels=dataset.labels, device=device), reference=()
    )
    cases = [by_name[name] for name in dict.fromkeys((*train, *others))]
    made = make_masks(cases, source, shared or run / "masks", reading=dataset.reading)
    write_reference(prior, {name: made[name] for name in train})
    if shared is None:
        sheet = mask_sheet(cases, made, source, reading=dataset.reading)
        write_bytes(run / "masks" / "masks.png", sheet)
    return masked_dataset(dataset, made, recipe.inputs)


def mask_run(
    dataset: Dataset,
    recipe: Recipe,
    run: Path,
    *,
    fold: int = 0,
    folds: int = 5,
    split: Split | None = None,
    resume: bool = False,
    device: str = "cpu",
) -> Dataset:
    """The same for the cases that `train_dataset` will take by these arguments."""
    if recipe.mask is None:
        return dataset
    if resume:
        facts = read_split(run)
        split = Split(tuple(facts["train"]), tuple(facts["val"]))
    elif split is None:
        split = choose_fold(dataset, fold=fold, folds=folds, seed=recipe.train.seed)[0].split
    return mask_training(dataset, recipe, run, train=split.train, others=split.val, device=device)


def mask_plan(settings: Mapping[str, Any], channels: Sequence[str]) -> MaskPlan:
    """Check how masks shall be made of images with these channels.

    Raises:
        InputError: All faults of the settings.
    """
    try:
        return MaskPlan.model_validate({**settings, "image_channels": channels})
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc'])) or 'mask'}: {e['msg']}" for e in error.errors()]
        raise InputError("--mask: is not usable:", faults) from None


def mask_sheet(
    cases: Sequence[Case],
    masks: Mapping[str, CaseMask],
    source: MaskSource,
    *,
    reading: ReadOptions,
) -> bytes:
    """Draw masks over their images, the least plausible first."""

    def score(case: Case) -> float:
        judged = masks[case.name].plausibility
        return 1.0 if judged is None else judged.score

    panels = []
    for case in sorted(cases, key=score)[:_PICTURED]:
        image = load_case(
            Case(case.name, case.image_files),
            channels=len(source.plan.image_channels),
            reading=reading,
        ).image
        mask = read_label(masks[case.name].file).array
        arrays: list[NDArray[Any]] = [
            image.array[[min(source.plan.channel, len(image.array) - 1)]],
            mask,
        ]
        if image.grid.ndim == 3:
            turn = orientation_to_ras(image.grid)
            arrays = [reorient(array, turn) for array in arrays]
        plane, drawn, _ = widest_slice(arrays[0], arrays[1])
        judged = masks[case.name].plausibility
        said = "" if judged is None else f"  plausibility {judged.score:.2f}"
        panels.append(Panel(f"{case.name}{said}", plane, np.zeros_like(drawn), {"mask": drawn}))
    return contour_sheet(panels, names=("", "global binary mask"))


@dataclass(frozen=True, kw_only=True)
class MasksOptions(FileOptions):
    """How masks of images without a run are made.

    Args:
        settings: Of a `MaskPlan`, as ``key=value``.
        device: For a coarse network.
    """

    settings: tuple[str, ...] = ("method=threshold",)
    device: str = "auto"


@dataclass(frozen=True)
class MadeMasks:
    """Masks that lie in a folder beside ``masks.json`` and ``masks.png``."""

    folder: Path
    masks: dict[str, CaseMask]

    def to_dict(self) -> dict[str, Any]:
        """Return what ``masks.json`` says."""
        return read_record(self.folder / "masks.json")


def masks(source: Path, folder: Path, options: MasksOptions | None = None) -> MadeMasks:
    """Make masks of images without a run, each judged by all the others.

    Args:
        source: A dataset (its training cases), or what `find_cases` takes.
        folder: Receives the masks, ``masks.json``, ``masks.png`` and ``prior/``.
        options: The defaults where not given.

    Raises:
        InputError: Settings that are not usable; images or masks that cannot be read.
    """
    chosen = options or MasksOptions()
    settings, reading, device = parse_settings(chosen.settings), chosen.reading(), chosen.device
    labels = None
    if is_dataset(source):
        dataset = open_dataset(source, reading=reading)
        names, cases, labels = dataset.channel_names, dataset.training, dataset.labels
        reading = dataset.reading
    else:
        names, cases = ("image",), find_cases(source, channels=1)
    plan = mask_plan({"method": "threshold", **settings}, names)
    folder.mkdir(parents=True, exist_ok=True)
    prior = folder / "prior"
    resolve_mask_plan(plan, prior, template=cases[0], reading=reading, device=device)
    made_by = open_mask_source(plan, prior, labels=labels, device=device)
    made = make_masks(cases, replace(made_by, reference=()), folder, reading=reading)
    if len(made) > 1:
        made = {
            name: replace(
                mask, plausibility=_judged(mask, [m for n, m in made.items() if n != name])
            )
            for name, mask in made.items()
        }
        note_plausibility(folder, made)
    write_bytes(folder / "masks.png", mask_sheet(cases, made, made_by, reading=reading))
    return MadeMasks(folder, made)


def _judged(mask: CaseMask, others: Sequence[CaseMask]) -> Plausibility | None:
    known = [other.figures for other in others if other.figures.size_mm > 0]
    return plausibility(mask.figures, known) if known else None
