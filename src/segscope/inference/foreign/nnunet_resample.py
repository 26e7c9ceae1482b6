"""Resampling as nnU-Net does it, to the last bit on a processor: which way, and each of the ways.

    resample_data_or_seg_to_shape   splines in float64 clipped to each channel's own range (that is
                                    scikit-image's ``resize``); where one axis is much coarser,
                                    slice by slice, and along that axis by nearest neighbours
    resample_torch_fornnunet        torch's linear interpolation, the coarse axis by nearest ones
    no_resampling_hack              nothing

An array whose shape is right already is not touched by any of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional

from segscope.errors import InputError

ANISOTROPIC = 3.0

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Resampler:
    """One of nnU-Net's resampling functions with its options.

    Args:
        name: Of the function.
        order: Of splines.
        order_z: Along an axis that is resampled on its own; 0 takes the nearest voxel.
        separate: Whether the coarsest axis is resampled on its own; None as spacings say.
        mode: Of torch's interpolation.
        axis_mode: Of torch's interpolation along the coarse axis.

    Example:
        >>> plain = Resampler("resample_data_or_seg_to_shape", order=1)
        >>> plain(np.array([[[0.0, 1.0]]]), (1, 4), (1, 1), (1, 0.5)).tolist()
        [[[0.0, 0.25, 0.75, 1.0]]]
    """

    name: str
    order: int = 3
    order_z: int = 0
    separate: bool | None = False
    mode: str = "linear"
    axis_mode: str = "nearest-exact"

    def __call__(
        self,
        array: Array,
        shape: Sequence[int],
        current: Sequence[float],
        new: Sequence[float],
    ) -> Array:
        """Bring ``(K, *S)`` to ``(K, *shape)``, in the kind of numbers that nnU-Net leaves.

        Args:
            array: Channels.
            shape: To come to.
            current: Spacing of ``array``.
            new: Spacing that it comes to; with ``current`` it decides on the separate axis.
        """
        wanted = tuple(int(side) for side in shape)
        if array.shape[1:] == wanted or self.name == _NOTHING:
            return array
        axis = self.axis(current, new)
        if self.name == _TORCH:
            return _by_torch(array, wanted, axis, self)
        out = np.empty((len(array), *wanted), array.dtype)
        for channel, into in zip(array, out, strict=True):
            into[...] = _channel(channel.astype(np.float64), wanted, axis, self)
        return out

    def axis(self, current: Sequence[float], new: Sequence[float]) -> int | None:
        """The axis that is resampled on its own, or None.

        Example:
            >>> found = Resampler("resample_data_or_seg_to_shape", separate=None)
            >>> found.axis((5, 1, 1), (1, 1, 1)), found.axis((1, 1, 1), (1, 1, 4))
            (0, 2)
            >>> found.axis((5, 5, 1), (1, 1, 1)) is None
            True
        """
        if self.separate is False:
            return None
        if self.separate or _anisotropic(current):
            return _coarsest(current)
        return _coarsest(new) if _anisotropic(new) else None


_SPLINES, _TORCH, _NOTHING = (
    "resample_data_or_seg_to_shape",
    "resample_torch_fornnunet",
    "no_resampling_hack",
)
_IGNORED = ("is_seg", "num_threads", "memefficient_seg_resampling", "device")
_OPTIONS: dict[str, dict[str, str]] = {
    _SPLINES: {"order": "order", "order_z": "order_z", "force_separate_z": "separate"},
    _TORCH: {"force_separate_z": "separate", "mode": "mode", "aniso_axis_mode": "axis_mode"},
    _NOTHING: {},
}
_ALLOWED: dict[str, Callable[[Any], bool]] = {
    "order": lambda value: type(value) is int and 0 <= value <= 5,
    "order_z": lambda value: value == 0 and type(value) is int,
    "separate": lambda value: value is None or isinstance(value, bool),
    "mode": lambda value: value == "linear",
    "axis_mode": lambda value: value in ("nearest-exact", "nearest"),
}


def resampler(file: Path, name: str, options: Mapping[str, Any]) -> Resampler:
    """Take a function by its name in plans.

    Raises:
        InputError: Not one of the three, or with options that it does not have.
    """
    if name not in _OPTIONS:
        raise InputError(f"{file}: resampling function {name} is not known; known are "
                         f"{', '.join(_OPTIONS)}")  # fmt: skip
    known = _OPTIONS[name]
    given = {key: value for key, value in options.items() if key not in _IGNORED}
    # nnU-Net's torch function decides by spacings unless told otherwise, the other does not
    values: dict[str, Any] = {"separate": None} if name == _TORCH else {}
    for key, value in given.items():
        if key not in known or not _ALLOWED[known[key]](value):
            raise InputError(f"{file}: {name} has {key} = {value!r}, which segscope does not do; "
                             "use the nnU-Net that wrote it")  # fmt: skip
        values[known[key]] = value
    return Resampler(name, **values)


def new_shape(
    shape: Sequence[int], current: Sequence[float], new: Sequence[float]
) -> tuple[int, ...]:
    """Sides of an array that is brought to another spacing.

    Example:
        >>> new_shape((10, 20), (1.0, 0.5), (2.0, 0.4))
        (5, 25)
    """
    return tuple(
        int(round(have / want * side)) for have, want, side in zip(current, new, shape, strict=True)
    )


def _anisotropic(spacing: Sequence[float]) -> bool:
    return max(spacing) / min(spacing) > ANISOTROPIC


def _coarsest(spacing: Sequence[float]) -> int | None:
    """The coarsest axis; None where several are."""
    found = [k for k, side in enumerate(spacing) if max(spacing) / side == 1]
    return found[0] if len(found) == 1 else None


def _channel(
    array: NDArray[np.float64], shape: tuple[int, ...], axis: int | None, how: Resampler
) -> NDArray[np.float64]:
    if axis is None:
        return _resized(array, shape, how.order)
    plane = tuple(side for k, side in enumerate(shape) if k != axis)
    slices = [_resized(one, plane, how.order) for one in np.moveaxis(array, axis, 0)]
    old, new = len(slices), shape[axis]
    places = np.clip((old / new) * (np.arange(new) + 0.5) - 0.5, 0, old - 1)
    return np.stack([slices[k] for k in np.floor(places + 0.5).astype(np.intp)], axis)


def _resized(array: NDArray[np.float64], shape: tuple[int, ...], order: int) -> NDArray[np.float64]:
    zoom = [1 / (old / new) for old, new in zip(array.shape, shape, strict=True)]
    out = ndimage.zoom(array, zoom, order=order, mode="nearest", grid_mode=True)
    return np.clip(out, array.min(), array.max(), out=out)


def _by_torch(array: Array, shape: tuple[int, ...], axis: int | None, how: Resampler) -> Array:
    x = torch.from_numpy(np.ascontiguousarray(array)).float()
    with torch.inference_mode():
        if axis is not None:
            kept = x.shape[1 + axis]
            plane = tuple(side for k, side in enumerate(shape) if k != axis)
            slices = x.movedim(1 + axis, 1)
            flat = _linear(slices.reshape(1, -1, *slices.shape[2:]), plane)[0]
            x = flat.reshape(len(x), kept, *plane).movedim(1, 1 + axis)
            if tuple(x.shape[1:]) != shape:
                x = functional.interpolate(x[None], shape, mode=how.axis_mode)[0]
        else:
            x = _linear(x[None], shape)[0]
    return x.contiguous().numpy()  # nnU-Net leaves it in float32


def _linear(x: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    if tuple(x.shape[2:]) == shape:
        return x
    mode = {2: "bilinear", 3: "trilinear"}[len(shape)]
    return functional.interpolate(x, shape, mode=mode, align_corners=False)
