"""Is a model meant for this image? What it was trained on against what it is to predict.

Every quantity of an image is compared with the range that it has over the training cases. Fewer
cases say less about the range, so every limit grows by the factor w = 1 + 4 / n (intensities and
fields of view) or 1 + 1 / n (ratios of spacings and sides) for n cases.

quantity                    outside                            far outside
modality (DICOM, channel)                                      another one than in training
spacing, where resampled    1.5 w times along an axis          8 w along one, or 64 w in volume
size (mm; else voxels)      1.5 w times along an axis          8 w larger along one, or 27 w in
                                                               volume (16 w in area)
scale of intensities        5 w times, or a fifth / w; 3       6 times where the network sees
                            times where values are absolute    absolute values (CT, none, ...)
level, absolute values      1 w spreads off the range          6 w spreads
distribution (shape)        1 w spreads off the range          inverted: 3 w off, and fits when
                                                               turned upside down
sign                        negative, in training never        CT without a negative value; what
                                                               looks like CT for what is not
channels                    coloured, in training never        two hold the same values, in
                                                               training never
constant                    a channel is, in training never

A smaller field of view is never far outside: a part of what was seen is still of its kind. Images
that are normalised one by one (z-score) may come in any unit, therefore their scale is not either.
The rules are about kinds of images, not about quality: a fault that changes none of these numbers
is not seen.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from segscope.data import image_facts
from segscope.errors import InputError
from segscope.images import Fingerprint, Image, ImageFacts, Intensities
from segscope.inference.run_files import read_fingerprint
from segscope.inference.verdict import FAR, LEVELS, OUTSIDE, Reason, Verdict
from segscope.preprocessing import ChannelPlan, Plan

_RATIO, _SPACING_FAR, _SPACING_FAR_VOLUME = 1.5, 8.0, 64.0
_SIZE_FAR, _SIZE_FAR_VOLUME = 8.0, {2: 16.0, 3: 27.0}
_SCALE, _SCALE_ABSOLUTE, _SCALE_FAR = 5.0, 3.0, 6.0
_SHAPE_OUTSIDE, _INVERTED, _FITS = 1.0, 3.0, 0.5
_LEVEL_OUTSIDE, _LEVEL_FAR, _LEVEL_SHARE = 1.0, 6.0, 0.5
# smallest spreads of a distribution's seven numbers (see `_shape`) that count as different
_FLOORS = np.array([0.05, 0.1, 0.1, 0.1, 0.1, 0.1, 0.3])
_HOUNSFIELD = -500.0  # what has one voxel of 200 below is air in Hounsfield units
_TISSUE = -20.0  # CT that shows any fat or air is below this in one voxel of 200
_CLIPPED = ("ct", "window")
_ABSOLUTE = (*_CLIPPED, "rescale", "none")
_WORDS = {
    "CT": "ct cbct hu",
    "MR": "mr mri t1 t1w t1c t1ce t1gd t2 t2w t2s t2star flair dwi adc swi pdw fmri cine bssfp",
    "US": "us ultrasound sonography bmode",
    "PT": "pt pet suv",
    "XR": "xr xray radiograph cxr mammography mammogram",
}
_SAME = {"CR": "XR", "DX": "XR", "RG": "XR", "MG": "XR", "RF": "XR", "XA": "XR", "IVUS": "US"}
_UNKNOWN = ("OT", "SC", "SEG", "")  # derived images of any kind


def compare(seen: Fingerprint, image: ImageFacts, plan: Plan) -> Verdict:
    """Judge an image by the images that a model was trained on.

    Args:
        seen: Of the training cases.
        image: Measured; with as many channels and dimensions as the plan has.
        plan: How the model prepares images: what it makes equal cannot be outside.

    Example:
        >>> from segscope.preprocessing import ChannelPlan
        >>> values = Intensities(lowest=0, highest=9, percentiles=(0, 1, 2, 3, 4, 5, 8))
        >>> case = ImageFacts(
        ...     name="a", shape=(9, 9, 9), spacing_mm=(1, 1, 1), orientation="RAS",
        ...     channels=(values,),
        ... )
        >>> seen = Fingerprint(
        ...     dataset="d", image_dims=3, channels=(), labels={}, cases=("a",),
        ...     shapes=(case.shape,), spacings_mm=(case.spacing_mm,), label_voxels={},
        ...     pcd_percent=1, cases_without_foreground=(), images=(case,),
        ... )
        >>> channel = ChannelPlan(name="T1")
        >>> plan = Plan(image_dims=3, spatial_dims=3, spacing_mm=(1, 1, 1), channels=(channel,))
        >>> compare(seen, case, plan).level
        'seen'
        >>> found = compare(seen, case.model_copy(update={"spacing_mm": (20, 20, 20)}), plan)
        >>> found.level, found.reasons[0].said
        ('far outside', 'spacing 20 x 20 x 20 mm, training had 1 x 1 x 1 mm')
    """
    reasons = [*_modality(seen, image, plan), *_spacing(seen, image, plan)]
    reasons += _size(seen, image, plan)
    notes: list[str] = []
    if seen.images:
        notes += _orientation(seen.images, image)
        reasons += _twins(seen.images, image, plan)
        # a mask that the network is shown is made, and no part of the images
        images = [channel for channel in plan.channels if channel.scheme != "mask"]
        for number, channel in enumerate(images):
            trained = [case.channels[number] for case in seen.images]
            reasons += _channel(trained, image.channels[number], channel)
    reasons.sort(key=lambda one: -LEVELS.index(one.level))  # stable: else in the order above
    return Verdict(tuple(reasons), tuple(notes))


def judge(seen: Fingerprint | None, name: str, image: Image, plan: Plan) -> Verdict:
    """Measure an image and compare it; nothing is said where nothing is known."""
    return Verdict() if seen is None else compare(seen, image_facts(name, image), plan)


def limits(seen: Fingerprint | None) -> tuple[str, ...]:
    """What cannot be compared for want of knowledge, in sentences to be said once."""
    if seen is None:
        return (
            "the model has no fingerprint.json of its training cases: nothing tells whether it is "
            "meant for these images",
        )
    if not seen.images:
        return (
            "the model's fingerprint.json is of an older version: intensities and modality are not "
            "compared with those of its training cases",
        )
    return ()


def read_seen(folder: Path, plan: Plan) -> Fingerprint | None:
    """Read what a run has kept of its training cases; None where it has kept nothing.

    Raises:
        InputError: The file is damaged, or of another run.
    """
    file = Path(folder) / "fingerprint.json"
    seen = read_fingerprint(folder)
    if seen is None:
        return None
    wanted = sum(channel.scheme != "mask" for channel in plan.channels)
    found = {len(case.channels) for case in seen.images} or {wanted}
    if seen.image_dims != plan.image_dims or min(found) < wanted:
        raise InputError(f"{file}: does not belong to model.json beside it; copy the run again")
    return seen


def _modality(seen: Fingerprint, image: ImageFacts, plan: Plan) -> Iterator[Reason]:
    measured = {_known(case.modality) for case in seen.images} - {None}
    named = {_named(channel.name) for channel in plan.channels if channel.scheme != "mask"}
    trained = cast(set[str], (measured or named) - {None})
    shown = _known(image.modality)
    if shown is not None and trained and shown not in trained and None not in (measured or named):
        yield Reason(FAR, f"modality {image.modality}, training had {', '.join(sorted(trained))}")


def _known(modality: str | None) -> str | None:
    code = (modality or "").strip().upper()
    return None if code in _UNKNOWN else _SAME.get(code, code)


def _named(channel: str) -> str | None:
    """Modality that a channel's name stands for, where it does."""
    words = set(re.split(r"[^a-z0-9]+", channel.lower()))
    found = [code for code, names in _WORDS.items() if words & set(names.split())]
    return found[0] if len(found) == 1 else None


def _spacing(seen: Fingerprint, image: ImageFacts, plan: Plan) -> Iterator[Reason]:
    spacings = np.array(seen.spacings_mm)
    if plan.resize is not None or (seen.image_dims == 2 and (spacings == 1).all()):
        return  # the sides are made equal, or nothing is known of a pixel's size
    axes = _axes(plan)
    ratio = _ratios(np.array(image.spacing_mm), spacings)[axes]
    w = 1 + 1 / len(spacings)
    worst, volume = float(ratio.max()), float(ratio.prod())
    if worst <= _RATIO * w:
        return
    far = worst > _SPACING_FAR * w or volume > _SPACING_FAR_VOLUME * w
    yield Reason(
        FAR if far else OUTSIDE,
        f"spacing {_x(image.spacing_mm)} mm, training had {_range(spacings)} mm",
    )


def _size(seen: Fingerprint, image: ImageFacts, plan: Plan) -> Iterator[Reason]:
    """Compare the field of view; in voxels where the network sees voxels of any size as one."""
    spacings = np.array(seen.spacings_mm)
    millimetres = plan.spacing_mm is not None or (plan.resize is None and seen.image_dims == 3)
    sizes = np.array(seen.shapes, float) * (spacings if millimetres else 1)
    size = np.array(image.shape, float) * (image.spacing_mm if millimetres else 1)
    axes = _axes(plan)
    w, w_area = 1 + 1 / len(sizes), 1 + 4 / len(sizes)
    larger = np.maximum(size / sizes.max(0), 1)[axes]
    smaller = np.maximum(sizes.min(0) / size, 1)[axes]
    if max(larger.max(), smaller.max()) <= _RATIO * w:
        return
    much = larger.max() > _SIZE_FAR * w or larger.prod() > _SIZE_FAR_VOLUME[len(axes)] * w_area
    far = much and plan.resize is None  # what is brought to one size is seen at one size
    unit = "mm" if millimetres else "voxels" if seen.image_dims == 3 else "pixels"
    yield Reason(
        FAR if far else OUTSIDE,
        f"size {_x(size)} {unit}, training had {_range(sizes)} {unit}",
    )


def _axes(plan: Plan) -> list[int]:
    """Axes that the network sees at once."""
    return [axis for axis in range(plan.image_dims) if axis != plan.slice_axis]


def _ratios(value: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many times beyond the range ``(n, axes)`` a value lies; 1 within."""
    return np.maximum(np.maximum(value / known.max(0), known.min(0) / value), 1)


def _orientation(known: Sequence[ImageFacts], image: ImageFacts) -> Iterator[str]:
    """Note axes in an order that was never seen; flips are as usual as they are harmless."""

    def order(orientation: str) -> str:
        return orientation.translate(str.maketrans("LPI", "RAS"))

    usual = {order(case.orientation) for case in known}
    if image.orientation and order(image.orientation) not in usual:
        had = ", ".join(sorted({case.orientation for case in known}))
        yield f"has the axes {image.orientation}, training had {had}; they are turned alike"


def _twins(known: Sequence[ImageFacts], image: ImageFacts, plan: Plan) -> Iterator[Reason]:
    names = [channel.name for channel in plan.channels if channel.scheme != "mask"]
    found = {pair for pair in image.twins if max(pair) < len(names)}
    new = found - {pair for case in known for pair in case.twins}
    grey = len(found) == len(names) * (len(names) - 1) // 2
    if new and grey and len(names) == 3:
        yield Reason(FAR, "a grey image (three equal channels), training had none")
    elif new:
        one, other = sorted(new)[0]
        yield Reason(
            FAR,
            f"channels {names[one]} and {names[other]} hold the same values, in training never",
        )
    always = set.intersection(*(set(case.twins) for case in known))
    if names and always - found:
        yield Reason(OUTSIDE, "its channels differ, in training they were equal (grey images)")


def _channel(known: Sequence[Intensities], value: Intensities, plan: ChannelPlan) -> list[Reason]:
    if value.lowest == value.highest:
        if any(case.lowest == case.highest for case in known):
            return []
        said = f"channel {plan.name} is constant ({value.lowest:g}), in training never"
        return [Reason(OUTSIDE, said)]
    varied = [case for case in known if case.contrast > 0]
    if not varied:
        return [Reason(OUTSIDE, f"channel {plan.name} varies, in training it was constant")]
    unit = list(_units(varied, value, plan))
    if any(one.level == FAR for one in unit):
        return unit  # the rest would only say the same again
    if plan.scheme in _CLIPPED:
        return unit  # padding and metal, which the network does not see, would rule the rest
    return [*unit, *_shapes(varied, value, plan)]


def _units(known: Sequence[Intensities], value: Intensities, plan: ChannelPlan) -> Iterator[Reason]:
    """Compare what a wrong unit, offset or modality changes: scale, sign and level."""
    absolute = plan.scheme in _ABSOLUTE
    w = 1 + 4 / len(known)
    values = f"values {_between(value)}"
    had = f"training had {_between(*known)}"
    ct = _named(plan.name) == "CT" or plan.scheme == "ct"
    if ct and value.lowest >= 0 and max(case.low for case in known) < _TISSUE:
        yield Reason(FAR, f"channel {plan.name} has no negative value ({values}), {had}: "
                     "not Hounsfield units, or their intercept was lost")  # fmt: skip
        return
    lowest = min(case.low for case in known)
    if not ct and value.low <= _HOUNSFIELD < 2 * lowest and value.high > _TISSUE:
        yield Reason(FAR, f"channel {plan.name} looks like CT ({values}), {had}")
        return
    contrasts = [case.contrast for case in known]
    factor = value.contrast / max(contrasts)
    smaller = min(contrasts) / value.contrast if value.contrast else np.inf
    scale = max(factor, smaller)
    if scale > (_SCALE_ABSOLUTE if absolute else _SCALE * w):
        times = f"{factor:.3g} times larger" if factor > 1 else f"{smaller:.3g} times smaller"
        said = f"channel {plan.name} has values {times} ({values}), {had}"
        yield Reason(FAR if absolute and scale > _SCALE_FAR else OUTSIDE, said)
    if not ct and value.percentiles[1] < 0 <= min(case.lowest for case in known):
        yield Reason(OUTSIDE, f"channel {plan.name} has negative values ({values}), {had}")
    if absolute and (off := _level(known, value, plan) / w) > _LEVEL_OUTSIDE:
        yield Reason(
            FAR if off > _LEVEL_FAR else OUTSIDE,
            f"channel {plan.name} lies elsewhere ({values}), {had}",
        )


def _level(known: Sequence[Intensities], value: Intensities, plan: ChannelPlan) -> float:
    """Distance of the low, middle and high values from their ranges, in spreads.

    What is clipped (air, padding, metal in CT) is compared as it is clipped.
    """
    marks = np.array([(case.low, case.median, case.high) for case in (*known, value)])
    least = float(np.median([case.contrast for case in known]))
    if plan.scheme in _CLIPPED:
        lower, upper = plan.window()
        marks, least = np.clip(marks, lower, upper), upper - lower
    return float(_beyond(marks[-1], marks[:-1], _LEVEL_SHARE * least).max())


def _shapes(
    known: Sequence[Intensities], value: Intensities, plan: ChannelPlan
) -> Iterator[Reason]:
    """Compare distributions whatever their unit."""
    w = 1 + 4 / len(known)
    if value.contrast <= 0:
        yield Reason(OUTSIDE, f"channel {plan.name} holds hardly any voxel that is not "
                     f"{value.median:g}, in training never")  # fmt: skip
        return
    shapes = np.array([_shape(case) for case in known])
    off = float(_beyond(_shape(value), shapes, _FLOORS).max()) / w
    if off <= _SHAPE_OUTSIDE:
        return
    turned = float(_beyond(_shape(value)[::-1] * _TURN + _SHIFT, shapes, _FLOORS).max()) / w
    if off > _INVERTED and turned < _FITS:
        yield Reason(FAR, f"channel {plan.name} looks inverted (bright and dark are "
                     "exchanged), measured by its distribution of intensities")  # fmt: skip
        return
    yield Reason(
        OUTSIDE,
        f"channel {plan.name} has another distribution of intensities than training "
        f"({off * w:.1f} spreads off its range)",
    )


def _shape(value: Intensities) -> NDArray[np.float64]:
    """Seven numbers that no scale and no offset changes.

    Where the 5th to 95th percentiles lie between the 0.5th (0) and the 99.5th (1), between how
    far the lowest and highest values reach beyond these, as binary logarithms.
    """
    marks = (np.array(value.percentiles) - value.low) / value.contrast
    below, above = value.low - value.lowest, value.highest - value.high
    tails = np.log2(1 + np.array([below, above]) / value.contrast)
    return np.array([tails[0], *marks[1:-1], tails[1]])


# the shape of an inverted image: tails exchanged, marks counted from the other end
_TURN = np.array([1, -1, -1, -1, -1, -1, 1])
_SHIFT = np.array([0, 1, 1, 1, 1, 1, 0])


def _beyond(
    value: NDArray[np.float64], known: NDArray[np.float64], least: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Distance from the range of ``(n, k)`` values, in units of that range."""
    low, high = known.min(0), known.max(0)
    off = np.maximum(np.maximum(low - value, value - high), 0)
    return cast(NDArray[np.float64], off / np.maximum(high - low, least))


def _x(values: Sequence[float] | NDArray[np.float64]) -> str:
    return " x ".join(f"{value:.4g}" for value in values)


def _range(known: NDArray[np.float64]) -> str:
    low, high = _x(known.min(0)), _x(known.max(0))
    return low if low == high else f"{low} to {high}"


def _between(*values: Intensities) -> str:
    """The usual values of one image or several."""
    low, high = min(v.low for v in values), max(v.high for v in values)
    return f"{low:.4g} to {high:.4g}"
