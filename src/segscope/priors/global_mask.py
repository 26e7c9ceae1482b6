"""One binary mask of the whole body part, on the image's own grid.

"Leveraging Global Binary Masks for Structure Segmentation in Medical Images", section 2.2.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segscope.data import AS_STORED, ReadOptions, read_image
from segscope.errors import InputError
from segscope.images import Grid, Image, LabelMap
from segscope.images.components import label_components
from segscope.inference import TrainedModel, predict_labels
from segscope.preprocessing import MaskPlan
from segscope.preprocessing.crop import border_value
from segscope.preprocessing.mask_plan import MaskMethod
from segscope.priors.plausibility import MaskFigures, measure_mask
from segscope.priors.register import Transform, onto, register

_NEEDS = {
    "threshold": "a template (an Image, or None)",
    "network": "a coarse TrainedModel",
    "labels": "a LabelMap",
    "file": "a Path",
}
Source = Image | TrainedModel | LabelMap | Path | None


@dataclass(frozen=True, eq=False)
class GlobalMask:
    """A mask and how it came about.

    Args:
        mask: 0 and 1 on the image's grid; its notes say what was chosen.
        figures: Its size, extent and pieces.
        transform: From the template to the image, where there was one.
    """

    mask: LabelMap
    figures: MaskFigures
    transform: Transform | None = None


def global_binary_mask(
    image: Image,
    *,
    method: MaskMethod,
    source: Source = None,
    plan: MaskPlan | None = None,
    reading: ReadOptions = AS_STORED,
) -> GlobalMask:
    """Make the mask of an image.

    ``threshold``: the image is registered to the template; Otsu's threshold (or a given one) of
    what lies in the template's field of view parts it in two, and the part that is not the
    border's is kept where the template reaches. Without a template nothing is registered.
    ``network``: all that a coarse model predicts, or some of its labels. ``labels``: the same of a
    label map. ``file``: what is not 0 in a file.

    Then gaps are closed, the largest piece is kept, holes are filled, and a margin is added.

    Args:
        image: On its own grid.
        method: See above.
        source: What the method needs: a template (`Image`, of the channel that is registered),
            a coarse `TrainedModel`, a `LabelMap`, or a file.
        plan: Options; the defaults of `MaskPlan` where not given.
        reading: What may be changed when a file is read.

    Raises:
        InputError: A file that is no mask, or lies on another grid; labels that do not exist.
        ValueError: An unknown method, or a source that is not the method's.
        WorkError: The image cannot be registered.

    Example:
        >>> array = np.zeros((1, 9, 9)); array[0, 2:7, 2:7] = 5; array[0, 4, 4] = 0
        >>> found = global_binary_mask(Image(array, Grid.from_spacing((9, 9))), method="threshold")
        >>> int(found.mask.array.sum()), found.figures.extent_mm
        (25, (5.0, 5.0))
    """
    if method not in get_args(MaskMethod):
        raise ValueError(f"method must be one of {', '.join(get_args(MaskMethod))}, got {method!r}")
    options = plan or MaskPlan.model_construct(method=method)
    transform: Transform | None = None
    notes: tuple[str, ...] = ()
    if method == "threshold" and isinstance(source, Image | None):
        raw, transform, notes = _by_threshold(image, source, options)
    elif method == "network" and isinstance(source, TrainedModel):
        raw = _by_network(image, source, options)
    elif method == "labels" and isinstance(source, LabelMap):
        raw = source.array > 0
    elif method == "file" and isinstance(source, Path):
        raw = _from_file(image, source, reading)
    else:
        raise ValueError(
            f"method {method} needs {_NEEDS[method]} as source, got a {type(source).__name__}"
        )
    if raw.shape != image.grid.shape:
        raise ValueError(f"source has the shape {raw.shape}, the image {image.grid.shape}")
    mask, pieces, holes = _tidy(raw, image.grid, options)
    figures = measure_mask(mask, image.grid, pieces=pieces, holes=holes)
    return GlobalMask(LabelMap(mask.astype(np.uint8), image.grid, notes), figures, transform)


def _by_threshold(
    image: Image, template: Image | None, plan: MaskPlan
) -> tuple[NDArray[np.bool_], Transform | None, tuple[str, ...]]:
    if not plan.channel < len(image.array):
        raise InputError(f"mask.channel {plan.channel}: the image has {len(image.array)} channels")
    channel = image.array[plan.channel]
    surround = float(border_value(channel))
    transform, seen, reach = None, channel, None
    if template is not None:
        transform = to_template(image, template, plan)
        grid = template.grid
        seen = onto(channel, image.grid, grid, transform.matrix, outside=surround)
        back = np.asarray(np.linalg.inv(transform.matrix), np.float64)
        reach = onto(np.ones(grid.shape, np.uint8), grid, image.grid, back, nearest=True) > 0
    limit = _otsu(seen) if plan.threshold == "otsu" else float(plan.threshold)
    inner = channel > limit if surround <= limit else channel < limit
    notes = (f"mask: {'above' if surround <= limit else 'below'} {limit:.6g}",)
    return inner if reach is None else inner & reach, transform, notes


def to_template(image: Image, template: Image, plan: MaskPlan) -> Transform:
    """Find where the template lies in an image, by the channel that the plan names.

    Raises:
        WorkError: They do not overlap enough to be compared.
    """
    return register(
        image.array[plan.channel], image.grid, template.array[0], template.grid,
        kind=plan.transform, seed=plan.seed,
    )  # fmt: skip


def _otsu(values: NDArray[Any]) -> float:
    """Otsu's threshold over 256 bins between the 0.1 and the 99.9 percentile."""
    import SimpleITK as sitk  # noqa: N813

    # a few extreme voxels would leave all others in one bin
    low, high = np.percentile(values, [0.1, 99.9])
    if not high > low:
        return float(high)
    chosen = sitk.OtsuThresholdImageFilter()
    chosen.SetNumberOfHistogramBins(256)
    flat = np.clip(values, low, high).astype(np.float32).reshape(1, -1)
    chosen.Execute(sitk.GetImageFromArray(flat))
    return float(chosen.GetThreshold())


def _by_network(image: Image, model: TrainedModel, plan: MaskPlan) -> NDArray[np.bool_]:
    known = model.spec.labels
    absent = [name for name in plan.labels if name not in known]
    if absent:
        raise InputError(
            f"mask.labels: the coarse run has no {absent[0]}; it has {', '.join(known)}"
        )
    found = predict_labels(model, image).array
    wanted = [known[name] for name in plan.labels] or [v for v in known.values() if v > 0]
    return np.isin(found, wanted)


def _from_file(image: Image, file: Path, reading: ReadOptions) -> NDArray[np.bool_]:
    found = read_image(file, reading=reading)
    if len(found.array) != 1:
        raise InputError(f"{file}: has {len(found.array)} channels, a mask has one")
    if not image.grid.matches(found.grid):
        raise InputError(
            f"{file}: the mask lies on another grid than the image: shape {found.grid.shape} for "
            f"{image.grid.shape}, corners {image.grid.displacement_mm(found.grid):.3g} mm apart"
        )
    values = np.unique(found.array)
    if len(values) > 2 or (values < 0).any() or (len(values) == 2 and values[0] != 0):
        some = ", ".join(f"{value:g}" for value in values[:5])
        raise InputError(f"{file}: is no binary mask; expected 0 and one other value, got {some}")
    mask: NDArray[np.bool_] = found.array[0] > 0
    return mask


def _tidy(raw: NDArray[np.bool_], grid: Grid, plan: MaskPlan) -> tuple[NDArray[np.bool_], int, int]:
    """Close, keep the largest piece, fill holes, add a margin; also how many of each there were."""
    mask = _closed(raw, grid, plan.closing) if plan.closing > 0 else raw
    labels, pieces = label_components(mask)
    if pieces > 1 and plan.components == "largest":
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        mask = labels == int(sizes.argmax())
    mask, holes = _filled(mask)
    if plan.dilation_mm > 0:
        mask = _near(mask, grid, plan.dilation_mm)
    return mask, pieces, holes


def _filled(mask: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], int]:
    """Fill what the outside cannot reach through faces."""
    outside, count = ndimage.label(~mask)
    reached = np.zeros(count + 1, bool)
    for axis in range(mask.ndim):
        for side in (0, -1):
            reached[np.unique(np.take(outside, side, axis))] = True
    reached[0] = True  # the mask itself
    holes = int((~reached).sum())
    return (mask | ~reached[outside] if holes else mask), holes


def _closed(mask: NDArray[np.bool_], grid: Grid, radius_mm: float) -> NDArray[np.bool_]:
    """Close by a ball; what lies beyond the image does not erode the mask."""
    margin = [int(np.ceil(radius_mm / side)) + 1 for side in grid.spacing_mm]
    padded = np.pad(mask, [(m, m) for m in margin])
    grown = _near(padded, grid, radius_mm)
    closed = ~_near(~grown, grid, radius_mm)
    inside = tuple(slice(m, m + side) for m, side in zip(margin, mask.shape, strict=True))
    return closed[inside] | mask


def _near(mask: NDArray[np.bool_], grid: Grid, radius_mm: float) -> NDArray[np.bool_]:
    """Voxels within a distance of the mask."""
    if not mask.any():
        return mask
    found = ndimage.distance_transform_edt(~mask, sampling=grid.spacing_mm) <= radius_mm + 1e-9
    return np.asarray(found, bool)
