"""What makes the masks of a run: settings, template or coarse network, kept in its ``prior/``."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from segscope.data import (
    ReadOptions,
    copy_file,
    image_endings,
    load_case,
    read_label,
    sha256_of,
    write_image,
)
from segscope.data.json_files import read_json
from segscope.errors import InputError
from segscope.images import Case, Frame, Image, LabelMap
from segscope.inference import load_model
from segscope.inference.run_files import check_prior
from segscope.preprocessing import MaskPlan
from segscope.priors.global_mask import GlobalMask, Source, global_binary_mask, to_template
from segscope.priors.plausibility import MaskFigures
from segscope.priors.register import Transform

REFERENCE = "training_masks.json"
"""Figures of the training masks, by which later ones are judged."""


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
        template: That images are registered to; None where they are not.
    """

    plan: MaskPlan
    shared: Source
    identity: str
    labels: Mapping[str, int]
    files: Path | None
    reference: tuple[MaskFigures, ...]
    template: Image | None = None

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
        found = global_binary_mask(
            image, method=method, source=source, plan=self.plan, reading=reading
        )
        if self.plan.frame == "own" or found.transform is not None or self.template is None:
            return found
        return replace(found, transform=to_template(image, self.template, self.plan))

    def frame(self, transform: Transform | None) -> Frame | None:
        """Where the template lies in an image, where the network is shown that frame."""
        if self.plan.frame == "own":
            return None
        assert transform is not None  # `make` has registered it
        assert self.template is not None
        return Frame(self.template.grid, transform.matrix)

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
    if plan.registers:
        case = Case("template", (Path(plan.template),)) if plan.template else template
        channels = 1 if plan.template else len(plan.image_channels)
        image = load_case(replace(case, label_file=None), channels=channels, reading=reading).image
        if not plan.template and plan.channel >= len(image.array):
            raise InputError(f"mask.channel {plan.channel}: there are {len(image.array)} channels")
        chosen = image.array[[0 if plan.template else plan.channel]]
        ending = ".png" if image.grid.ndim == 2 else ".nii.gz"
        if ending == ".png" and chosen.dtype != np.uint8:
            raise InputError("mask: plane images that are registered must be of 8 bits")
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
    template = None
    if plan.frame == "template" or (plan.method == "threshold" and files is None):
        template = _read_template(folder)
        parts.append(sha256_of(_template_file(folder)))
    if files is not None:
        plan = plan.model_copy(update={"method": "file", "folder": str(files)})
    elif plan.method == "labels" and labels is None:
        raise InputError(
            "this run's masks come from the experts' labels, which new images do not have: it is "
            "for experiments; give masks with --masks FOLDER, or train with mask.method network"
        )
    elif plan.method == "threshold":
        shared = template
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
        template=template,
    )


def _template_file(folder: Path) -> Path:
    found = [f for e in (".nii.gz", ".png") if (f := folder / f"template{e}").is_file()]
    if not found:
        raise InputError(f"{folder}: holds no template; is the run whole?")
    return found[0]


def _read_template(folder: Path) -> Image:
    return load_case(Case("template", (_template_file(folder),)), channels=1).image


def read_reference(folder: Path) -> tuple[MaskFigures, ...]:
    """Read what `write_reference` wrote; empty where it has not yet."""
    file = folder / REFERENCE
    if not file.is_file():
        return ()
    facts = read_json(file, remedy="train the run again")
    try:
        return tuple(MaskFigures.from_dict(found) for found in facts["masks"].values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file}: is damaged ({error}); train the run again") from None
