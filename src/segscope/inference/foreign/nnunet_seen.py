"""Is an nnU-Net model meant for this image? By ``dataset_fingerprint.json`` of its training.

It holds spacings and sizes of the training images, and for each channel the values of their
foreground; so those are what a new image is compared with, by the limits of `meant`. Of values only
CT can be judged: other channels are normalised one by one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from segscope.data.json_files import read_typed
from segscope.errors import InputError
from segscope.images import Fingerprint, Image, ImageFacts
from segscope.inference.foreign.nnunet_plans import Described
from segscope.inference.foreign.nnunet_prepare import READERS
from segscope.inference.meant import compare
from segscope.inference.verdict import FAR, Reason, Verdict
from segscope.preprocessing import ChannelPlan, Plan

FILE = "dataset_fingerprint.json"
_FEW = 1e-3  # share of voxels within what CT's foreground held, below which nothing is like it


class _Seen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    shapes_after_crop: list[tuple[int, int, int]] = Field(min_length=1)
    spacings: list[tuple[float, float, float]] = Field(min_length=1)


def read_judge(folder: Path, said: Described) -> Callable[[str, Image], Verdict] | None:
    """Read what the training images were like; None where the folder has kept nothing.

    Raises:
        InputError: The file is damaged.
    """
    file = folder / FILE
    if not file.exists():
        return None
    seen = read_typed(file, _Seen, what="a fingerprint of nnU-Net v2")
    if len(seen.spacings) != len(seen.shapes_after_crop) or np.min(seen.spacings) <= 0:
        raise InputError(f"{file}: has {len(seen.shapes_after_crop)} shapes and "
                         f"{len(seen.spacings)} spacings; copy it again")  # fmt: skip
    return _Judge(seen, said)


@dataclass(frozen=True)
class _Judge:
    seen: _Seen
    said: Described

    def __call__(self, name: str, image: Image) -> Verdict:
        dims = image.grid.ndim
        if READERS[self.said.reader][0] not in (None, dims):
            return Verdict()  # it will be refused
        fingerprint = self._fingerprint(dims)
        facts = ImageFacts(
            name=name,
            shape=_content_shape(image),
            spacing_mm=image.grid.spacing_mm,
            orientation="",
            modality=image.modality,
            channels=(),
        )
        found = compare(fingerprint, facts, self._plan(dims))
        odd = [reason for reason in map(self._unlike_ct, range(len(image.array)), image.array)
               if reason is not None]  # fmt: skip
        return Verdict((*odd, *found.reasons), found.notes)

    def _fingerprint(self, dims: int) -> Fingerprint:
        """The same in segscope's words: axes of the files, which nnU-Net has in reverse."""
        # planes are read as rows, columns; volumes of files as z, y, x
        order = slice(None, None, -1) if dims == 3 else slice(1, None)
        names = tuple(str(k) for k in range(len(self.seen.spacings)))
        return Fingerprint(
            dataset="",
            image_dims=dims,
            channels=(),
            labels={},
            cases=names,
            shapes=tuple(tuple(shape[order]) for shape in self.seen.shapes_after_crop),
            spacings_mm=tuple(tuple(sides[order]) for sides in self.seen.spacings),
            label_voxels={},
            pcd_percent=0.0,
            cases_without_foreground=(),
        )

    def _plan(self, dims: int) -> Plan:
        """What is made equal: the spacing, but across the slices of a 2D network."""
        slices = len(self.said.configuration.patch_size) < dims
        return Plan(
            image_dims=3 if dims == 3 else 2,
            spatial_dims=2 if slices or dims == 2 else 3,
            slice_axis=2 if slices else None,
            spacing_mm=(1.0,) * dims,
            channels=tuple(ChannelPlan(name=name) for name in self.said.channel_names),
        )

    def _unlike_ct(self, number: int, channel: NDArray[np.generic]) -> Reason | None:
        if number >= len(self.said.channel_names):
            return None
        scheme = self.said.configuration.normalization_schemes[number]
        if scheme != "CTNormalization":
            return None
        known = self.said.intensities[number]
        low, high = known.percentile_00_5, known.percentile_99_5
        values = channel.astype(np.float64)
        share = float(np.mean((values >= low) & (values <= high)))
        if share >= _FEW:
            return None
        return Reason(
            FAR,
            f"channel {self.said.channel_names[number]} has hardly a value between {low:g} and "
            f"{high:g}, which the objects of training had: not Hounsfield units?",
        )


def _content_shape(image: Image) -> tuple[int, ...]:
    """Shape of the box around what is not zero, as the training's shapes are."""
    mask = (image.array != 0).any(0)
    sides = []
    for axis in range(mask.ndim):
        others = tuple(k for k in range(mask.ndim) if k != axis)
        held = np.flatnonzero(mask.any(others))
        sides.append(int(held[-1] - held[0] + 1) if held.size else mask.shape[axis])
    return tuple(sides)
