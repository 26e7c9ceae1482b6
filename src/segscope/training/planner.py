"""From a dataset's fingerprint to a complete recipe: the plan a person can read and change.

The rules, in order (nnU-Net's habits, scaled to the machine):

1. preprocessing from the fingerprint (`preprocessing.plan_preprocessing`);
2. the network halves an axis while eight voxels are left and its spacing is not more than twice
   the finest one, at most `Machine.max_halvings` times; where patch and widths are asked for, the
   patch's voxels count;
3. the patch is the median prepared shape, rounded up to what the halvings need, and shrunk along
   its longest axis until it fits `Machine.patch_voxels`;
4. widths double per level from `Machine.base_width`;
5. the batch is as large as memory allows, between 2 and 32 (8 on a processor), and no larger than
   a quarter of the images: cases, or their slices where these are trained on one by one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from segscope.data import write_text
from segscope.errors import InputError
from segscope.images import Fingerprint
from segscope.losses import balanced_alpha
from segscope.preprocessing import Plan, mask_channels, plan_inputs, plan_preprocessing
from segscope.training.asked import other_values, refuse_others
from segscope.training.augment import allowed_mirror_axes
from segscope.training.memory import estimated_memory_gb
from segscope.training.packages import note_packages
from segscope.training.recipe import (
    Recipe,
    load_partial,
    merge,
    read_recipe,
    recipe_from,
    recipe_to_yaml,
)

_WIDEST = {2: 512, 3: 320}
_CHOICES = ("ct_window", "scheme")
_SAME_SIDES = 0.01
_MEASURED_ONLY = ("spatial_dims", "spacing_mm", "resize")


@dataclass(frozen=True)
class Machine:
    """What a training may use.

    Args:
        kind: ``cpu``, ``cuda`` or ``mps``.
        memory_gb: Memory for activations, weights and the optimiser.
    """

    kind: str
    memory_gb: float

    @property
    def base_width(self) -> int:
        """Channels at full resolution."""
        return 32 if self.kind == "cuda" else 16

    @property
    def max_halvings(self) -> int:
        """Most levels below full resolution."""
        return 5 if self.kind == "cuda" else 4

    def patch_voxels(self, spatial_dims: int) -> int:
        """Most voxels of a training patch."""
        if self.kind == "cuda":
            return 512**2 if spatial_dims == 2 else 128**3
        return 256**2 if spatial_dims == 2 else 96 * 1024

    @property
    def largest_batch(self) -> int:
        """More than this makes steps rarer without making them better."""
        return 32 if self.kind == "cuda" else 8


def this_machine(device: str = "auto") -> Machine:
    """Look at what ``device`` (``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``) offers here."""
    if device.startswith("cuda") or (device == "auto" and torch.cuda.is_available()):
        if not torch.cuda.is_available():
            raise InputError(f"device {device}: no CUDA device is available here; use device=cpu")
        index = int(device.partition(":")[2] or 0)
        total = torch.cuda.get_device_properties(index).total_memory
        return Machine("cuda", total / 2**30)
    if device == "mps" or (device == "auto" and torch.backends.mps.is_available()):
        return Machine("mps", 8.0)
    return Machine("cpu", 8.0)


def plan_recipe(
    fingerprint: Fingerprint,
    preset: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    *,
    machine: Machine | None = None,
) -> Recipe:
    """Plan everything a preset, a recipe file or a setting does not fix.

    Args:
        fingerprint: Of the dataset to train on.
        preset: Partial recipe that replaces what would be planned.
        settings: Single values that replace both.
        machine: Defaults to this one, for the device that the recipe names.

    Raises:
        InputError: With every fault, when the result is not a usable recipe.
    """
    fixed = merge(preset or {}, settings or {})
    machine = machine or this_machine(str(_get(fixed, "train", "device", "auto")))
    plan = _plan_images(fingerprint, fixed)
    shape, spacing = _prepared_geometry(fingerprint, plan)
    levels = _get(fixed, "network", "widths", None)
    patch, strides = _plan_sizes(fixed, shape, spacing, machine)
    widths = [min(machine.base_width * 2**k, _WIDEST[len(shape)]) for k in range(len(strides) + 1)]
    batch = plan_batch(
        patch, levels or widths, machine, count_images(fingerprint, plan), strides=strides
    )
    base = {
        "preprocessing": plan.model_dump(mode="json"),
        "patch": list(patch),
        "network": {"name": "unet", "widths": widths, "norm": "instance", "strides": strides},
        "loss": {"name": "dice_ce"},
        "train": {"epochs": 200, "steps_per_epoch": 50, "batch_size": batch},
        "augment": {
            "mirror_axes": _mirror_axes(fingerprint, plan),
            "voxel_mm": _voxel_of(spacing),
            "mask_channels": list(mask_channels(plan)),
        },
    }
    planned = {"preprocessing", "patch"}
    values = merge(base, {key: v for key, v in fixed.items() if key not in planned})
    if isinstance(values.get("mask"), Mapping):
        names = [channel.name for channel in fingerprint.channels]
        values["mask"] = {**values["mask"], "image_channels": names}
    values = _resolve_output(_resolve_alpha(values, fingerprint), fingerprint)
    recipe = recipe_from(values, source="planned from the dataset")
    _check_fits(recipe, fingerprint)
    return note_packages(recipe)


def _plan_sizes(
    fixed: Mapping[str, Any], shape: Sequence[int], spacing_mm: Sequence[float], machine: Machine
) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
    """Find patch and halvings, or take the patch that was asked for."""
    levels, dims = _get(fixed, "network", "widths", None), len(shape)
    asked = _asked_patch(fixed.get("patch"), dims)
    if not isinstance(levels, list | tuple):
        patch, strides = plan_patch(
            shape, spacing_mm, machine.patch_voxels(dims), machine.max_halvings
        )
        return asked or patch, strides
    most = len(levels) - 1
    if len(asked) == dims and all(isinstance(side, int) for side in asked):
        # a network of asked-for levels sees this patch, however small the images are
        patch, strides = asked, plan_strides(asked, spacing_mm, most) if most else ()
    else:
        patch, strides = plan_patch(shape, spacing_mm, machine.patch_voxels(dims), most)
    # asked-for levels are built even where the axis is already short
    strides = (*strides, *([(2,) * dims] * (most - len(strides))))
    return asked or _round_up(patch, strides), strides


def plan_patch(
    shape: Sequence[int], spacing_mm: Sequence[float], most_voxels: int, max_halvings: int
) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
    """Find the largest patch and the halvings per level that fit.

    Example:
        >>> plan_patch((35, 50, 36), (1.0, 1.0, 1.0), 96 * 1024, 4)
        ((40, 56, 40), ((2, 2, 2), (2, 2, 2), (2, 2, 2)))
    """
    patch = [int(s) for s in shape]
    while True:
        strides = plan_strides(patch, spacing_mm, max_halvings)
        rounded = _round_up(patch, strides)
        if math.prod(rounded) <= most_voxels or max(patch) <= 8:
            return rounded, strides
        longest = patch.index(max(patch))
        patch[longest] = max(8, rounded[longest] - max(1, math.prod(s[longest] for s in strides)))


def plan_strides(
    shape: Sequence[int], spacing_mm: Sequence[float], max_halvings: int
) -> tuple[tuple[int, ...], ...]:
    """Halve an axis while it has 8 voxels and is not coarser than twice the finest.

    Example:
        >>> plan_strides((64, 64, 10), (1.0, 1.0, 5.0), 4)
        ((2, 2, 1), (2, 2, 1), (2, 2, 2), (2, 2, 1))
    """
    sizes, spacing = [float(s) for s in shape], [float(s) for s in spacing_mm]
    strides: list[tuple[int, ...]] = []
    while len(strides) < max_halvings:
        long_enough = [size >= 8 for size in sizes]
        if not any(long_enough):
            break
        finest = min(s for s, enough in zip(spacing, long_enough, strict=True) if enough)
        step = tuple(
            2 if enough and s <= 2 * finest else 1
            for s, enough in zip(spacing, long_enough, strict=True)
        )
        strides.append(step)
        sizes = [size / k for size, k in zip(sizes, step, strict=True)]
        spacing = [s * k for s, k in zip(spacing, step, strict=True)]
    return tuple(strides) or ((2,) * len(sizes),)


def plan_batch(
    patch: Sequence[int],
    widths: Sequence[int],
    machine: Machine,
    images: int,
    *,
    strides: Sequence[Sequence[int]] | None = None,
) -> int:
    """Find the largest batch, in halves of memory, that a dataset of this size deserves."""
    batch = 2
    most = min(machine.largest_batch, max(2, images // 4))
    if len(patch) == 3 and machine.kind != "cuda":
        most = 2  # a processor gains nothing from larger batches of volumes
    while batch * 2 <= most:
        try:
            need = estimated_memory_gb(
                patch, widths, batch * 2, strides=strides, device=machine.kind
            )
        except (ValueError, TypeError):
            break  # widths or patch are wrong, which is told with all other faults of the recipe
        if need > machine.memory_gb / 2:
            break
        batch *= 2
    return batch


def count_images(fingerprint: Fingerprint, plan: Plan) -> int:
    """Count what samples are cut from: cases, or the slices of volumes."""
    axis = plan.slice_axis  # slices are never resampled
    if axis is None:
        return len(fingerprint.cases)
    return sum(shape[axis] for shape in fingerprint.shapes)


def _plan_images(fingerprint: Fingerprint, fixed: Mapping[str, Any]) -> Plan:
    wanted, inputs = _section(fixed, "preprocessing"), fixed.get("inputs", "image")
    measured = {k: wanted[k] for k in (*_MEASURED_ONLY, *_CHOICES) if wanted.get(k) is not None}
    try:
        plan = plan_preprocessing(fingerprint, **measured)
        changes = {k: v for k, v in wanted.items() if k not in _CHOICES}
        whole = Plan.model_validate({**plan.model_dump(mode="json"), **changes})
        # a wrong word is reported with all other faults of the recipe
        framed = _get(fixed, "mask", "frame", None) == "template"
        if inputs not in ("gbm", "image+gbm") and not framed:
            return whole
        return plan_inputs(whole, inputs, frame="template" if framed else "own")
    except ValueError as error:
        raise InputError(f"recipe: preprocessing is not usable: {error}") from None


def _prepared_geometry(
    fingerprint: Fingerprint, plan: Plan
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    shape: list[float] = list(fingerprint.median_shape)
    spacing = list(fingerprint.median_spacing_mm)
    if plan.resize is not None:
        shape, spacing = list(plan.resize), [1.0] * len(plan.resize)
    elif plan.spacing_mm is not None:
        shape = [n * s / t for n, s, t in zip(shape, spacing, plan.spacing_mm, strict=True)]
        spacing = list(plan.spacing_mm)
    if plan.crop_mm is not None and plan.resize is None:
        shape = [min(n, mm / s) for n, mm, s in zip(shape, plan.crop_mm, spacing, strict=True)]
    if plan.spatial_dims < plan.image_dims and len(shape) > plan.spatial_dims:
        axis = plan.slice_axis if plan.slice_axis is not None else len(shape) - 1
        del shape[axis], spacing[axis]
    return tuple(max(1, round(s)) for s in shape), tuple(spacing)


def _mirror_axes(fingerprint: Fingerprint, plan: Plan) -> list[int]:
    """Where mirrored samples are right; nowhere with a mask, which tells by position."""
    if mask_channels(plan):
        return []
    axes = allowed_mirror_axes(
        fingerprint.labels, spatial_dims=plan.spatial_dims, image_dims=fingerprint.image_dims
    )
    return list(axes)


def _asked_patch(wanted: Any, dims: int) -> tuple[int, ...]:
    """The patch of a recipe: one number stands for all sides; nothing for none."""
    if isinstance(wanted, int):
        return (wanted,) * dims
    return tuple(wanted or ())


def _voxel_of(spacing: Sequence[float]) -> list[float]:
    """Sides of a voxel, or nothing for cubes: rotations need them where sides differ."""
    cube = max(spacing) <= min(spacing) * (1 + _SAME_SIDES)
    return [] if cube else [float(side) for side in spacing]


def _resolve_alpha(values: dict[str, Any], fingerprint: Fingerprint) -> dict[str, Any]:
    loss = values.get("loss", {})
    if isinstance(loss, dict) and _section(loss, "options").get("alpha") == "balanced":
        alpha = balanced_alpha(fingerprint.label_voxels)
        return merge(values, {"loss": {"options": {"alpha": alpha}}})
    return values


def _resolve_output(values: dict[str, Any], fingerprint: Fingerprint) -> dict[str, Any]:
    """Network output ``auto``: a sigmoid for one foreground label, else softmax."""
    if _get(values, "network", "output", None) != "auto":
        return values
    one = sum(value > 0 for value in fingerprint.labels.values()) == 1
    return merge(values, {"network": {"output": "sigmoid" if one else "softmax"}})


def _check_fits(recipe: Recipe, fingerprint: Fingerprint) -> None:
    dims = recipe.preprocessing.spatial_dims
    faults = []
    if len(recipe.patch) != dims:
        faults.append(f"patch: {dims} numbers expected, got {list(recipe.patch)}")
    foreground = sum(value > 0 for value in fingerprint.labels.values())
    if recipe.network.output == "sigmoid" and foreground != 1:
        faults.append(
            f"network.output: sigmoid is for one foreground label, this dataset has {foreground}; "
            "use softmax"
        )
    strides = recipe.network.strides
    if strides is not None and len(strides) != len(recipe.network.widths) - 1:
        faults.append(
            f"network.strides: one per step between {len(recipe.network.widths)} widths expected, "
            f"got {len(strides)}"
        )
    if faults:
        raise InputError("recipe is not usable:", faults)


def _round_up(patch: Sequence[int], strides: Sequence[Sequence[int]]) -> tuple[int, ...]:
    multiples = [math.prod(step[k] for step in strides) for k in range(len(patch))]
    return tuple(-(-p // m) * m for p, m in zip(patch, multiples, strict=True))


def _section(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = values.get(name)
    return section if isinstance(section, Mapping) else {}


def _get(values: Mapping[str, Any], section: str, key: str, default: Any) -> Any:
    return _section(values, section).get(key, default)


def plan_run(
    fingerprint: Fingerprint,
    folder: Path,
    *,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    resume: bool = False,
) -> Recipe:
    """Plan a new run, or read the recipe of the one to resume.

    Args:
        fingerprint: Of the dataset.
        folder: The run.
        preset: Name of a preset or a YAML file.
        settings: Nested values that replace both, see `recipe.parse_settings`.
        resume: Whether ``folder`` holds a run that goes on; its recipe stays as it is.

    Raises:
        InputError: The recipe is not usable, or another one than that of the run to resume.
    """
    if not resume:
        return plan_recipe(fingerprint, load_partial(preset or "default"), settings)
    if not (folder / "recipe.yaml").is_file():
        raise InputError(
            f"--resume: {folder} holds no run (no recipe.yaml); start without --resume"
        )
    known = read_recipe(folder / "recipe.yaml")
    if preset or settings:
        found = known.model_dump(mode="json")
        named = load_partial(preset) if preset else {}
        planned = plan_recipe(fingerprint, named or found, settings).model_dump(mode="json")
        refuse_others(folder, other_values(merge(named, settings or {}), planned, found))
    return known


def write_plan(recipe: Recipe, folder: Path) -> Path:
    """Write a plan for a person to change; train with ``--recipe`` and this file afterwards."""
    file = folder.with_suffix(".recipe.yaml") if folder.suffix == "" else folder
    if file.exists():
        raise InputError(f"{file}: exists already; move it away first")
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, recipe_to_yaml(recipe))
    return file
