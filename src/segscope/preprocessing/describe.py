"""A plan in words: what happens to an image before a network sees it."""

from segscope.preprocessing.normalise import ChannelPlan
from segscope.preprocessing.plan import Plan

_AXES = ("first", "second", "third")
_SCHEMES = {
    "zscore": "minus its own mean, over its own standard deviation",
    "maximum": "over its own largest magnitude",
    "mask": "1 where it is not 0",
    "none": "as stored",
}


def describe_plan(plan: Plan) -> tuple[str, ...]:
    """Say what a plan does, one sentence each: axes, crop, size, and every channel.

    Example:
        >>> for line in describe_plan(Plan(image_dims=2, spatial_dims=2,
        ...                                channels=(ChannelPlan(name="US", scheme="none"),))):
        ...     print(line)
        axes: as in the file
        size: as in the file
        channel 0 (US): as stored
    """
    said = [f"axes: {'turned to the closest RAS+ order' if plan.orientation else 'as in the file'}"]
    if plan.frame == "template":
        said.append("frame: a template's, that the image is registered to; predictions come back")
    if plan.slice_axis is not None:
        said.append(f"slices: along the {_AXES[plan.slice_axis]} of these axes, one by one")
    if plan.crop:
        said.append("crop: to what differs from the border's most common value")
    if plan.crop_mm is not None:
        said.append(f"crop: to the middle, {_by(plan.crop_mm)} mm")
    said.append(f"size: {_size(plan)}")
    said += [f"channel {k} ({c.name}): {_channel(c)}" for k, c in enumerate(plan.channels)]
    return tuple(said)


def _size(plan: Plan) -> str:
    if plan.resize is not None:
        how = "stretched" if plan.resize_mode == "stretch" else "fitted and padded with 0"
        return f"{how} to {_by(plan.resize)} ({plan.interpolation})"
    if plan.spacing_mm is None:
        return "as in the file"
    across = ", slices taken over unblended" if plan.through_plane == "nearest" else ""
    return f"resampled to {_by(plan.spacing_mm)} mm ({plan.interpolation}{across})"


def _by(numbers: tuple[float, ...]) -> str:
    return " x ".join(f"{number:.4g}" for number in numbers)


def _channel(channel: ChannelPlan) -> str:
    if channel.scheme in _SCHEMES:
        only = ", without the border's value where that is common" if channel.nonzero_only else ""
        return f"{_SCHEMES[channel.scheme]}{only}"
    numbers = {
        name: value
        for name, value in channel.model_dump().items()
        if name in ("lower", "upper", "mean", "sd") and value is not None
    }
    how = {
        "ct": "clipped to [lower, upper], then minus mean, over sd",
        "window": "clipped to [lower, upper], then to 0..1",
        "rescale": "(x - lower) / (upper - lower)",
    }.get(channel.scheme, channel.scheme)
    given = ", ".join(f"{name} {value:.6g}" for name, value in numbers.items())
    return f"{how}{'; ' if given else ''}{given}"
