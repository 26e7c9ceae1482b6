"""Images as a MONAI bundle wants them: its own transforms on arrays of our readers, and back."""

import importlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segscope.errors import InputError
from segscope.images import Grid, Image, LabelMap, Probabilities
from segscope.preprocessing import Shown

IMAGE, PRED = "image", "pred"


@dataclass(frozen=True, eq=False, kw_only=True)
class BundleShown(Shown):
    """An image as the bundle's network is shown it.

    Args:
        affine: Of ``array``.
        operations: What MONAI's transforms did, by which they are undone.
    """

    affine: Tensor
    operations: list[Any]


@dataclass(frozen=True, eq=False)
class BundlePreparer:
    """A bundle's preprocessing.

    Args:
        transforms: Of MONAI, in order.
        image_dims: 2 for plane images, 3 for volumes.
        spatial_dims: Of the network.
        slice_axis: Along which a 2D network takes slices of volumes.
        channels: Of an image.
        said: The transforms as the file has them.
    """

    transforms: tuple[Any, ...]
    image_dims: int
    spatial_dims: int
    slice_axis: int | None
    channels: int
    said: tuple[str, ...] = ()

    def sentences(self) -> tuple[str, ...]:
        """Say what is done to an image."""
        return self.said or ("nothing",)

    def apply(self, image: Image) -> BundleShown:
        """Prepare an image.

        Raises:
            InputError: MONAI's transforms do not take it.
        """
        found = len(image.array), image.grid.ndim
        if found != (self.channels, self.image_dims):
            raise ValueError(
                f"the bundle takes {self.channels} channels in {self.image_dims}D, got {found[0]} "
                f"in {found[1]}D"
            )
        array = np.array(_turned(image.array), np.float32)  # a copy: transforms may write into it
        start = _meta(torch.from_numpy(array), _affine(image.grid), [])
        with quiet():
            try:
                done = _compose(self.transforms)({IMAGE: start})[IMAGE]
            except (RuntimeError, ValueError, TypeError) as error:
                said = " ".join(str(error).split())[:200]
                raise InputError(f"the bundle's transforms do not take it ({said})") from None
        return BundleShown(
            array=np.ascontiguousarray(_plain(done).numpy(), np.float32),
            native=image.grid,
            notes=image.notes,
            affine=done.affine.clone(),
            operations=list(done.applied_operations),
        )

    def shown(self, prepared: BundleShown) -> Any:
        """The prepared image as MONAI's transforms left it."""
        return _meta(torch.from_numpy(prepared.array), prepared.affine, prepared.operations)

    def compose(self) -> Any:
        """The transforms as one, which can be undone."""
        return _compose(self.transforms)

    def apply_label(self, label: LabelMap, prepared: BundleShown) -> NDArray[np.integer[Any]]:
        """Take the label of the voxel that each prepared voxel's middle lies in."""
        if not prepared.native.matches(label.grid):
            raise ValueError("the label map does not lie on the image's grid")
        resample = importlib.import_module("monai.transforms").SpatialResample
        start = _meta(
            torch.from_numpy(_turned(label.array[None]).astype(np.float32)),
            _affine(label.grid),
            [],
        )
        with quiet():
            found = resample(mode="nearest", padding_mode="zeros")(
                start, dst_affine=prepared.affine, spatial_size=prepared.array.shape[1:]
            )
        kind = np.uint8 if label.array.max(initial=0) < 256 else np.uint16
        return np.ascontiguousarray(_plain(found)[0].round().numpy().astype(kind))

    def undo(self, maps: NDArray[np.floating[Any]], prepared: BundleShown) -> Probabilities:
        """Bring maps ``(K, *P)`` onto the file's grid; where nothing was prepared is background."""
        array = np.asarray(maps, np.float32)
        covered = np.ones((1, *array.shape[1:]), np.float32)
        found = self.inverted(np.concatenate([array, covered]), prepared)
        native, missing = found[:-1], 1 - found[-1].clip(0, 1)
        if len(native) > 1:
            native[0] += missing  # at the edge of a crop in part
        return Probabilities(np.ascontiguousarray(native, np.float32), prepared.native)

    def inverted(self, maps: NDArray[np.float32], prepared: BundleShown) -> NDArray[np.float32]:
        """Undo the transforms of space, with linear interpolation."""
        invert = importlib.import_module("monai.transforms").Invertd(
            keys=PRED,
            transform=self.compose(),
            orig_keys=IMAGE,
            nearest_interp=False,
            to_tensor=True,
        )
        return self.to_file(self.run_post([invert], maps, prepared), prepared)

    def run_post(
        self, post: Sequence[Any], maps: NDArray[np.floating[Any]], prepared: BundleShown
    ) -> Tensor:
        """Run postprocessing on maps ``(K, *P)``."""
        pred = _meta(torch.from_numpy(np.array(maps, np.float32)), prepared.affine, [])
        data: Mapping[str, Any] = {IMAGE: self.shown(prepared), PRED: pred}
        with quiet():
            for one in post:
                data = one(data)
        return _plain(data[PRED])

    def to_file(self, found: Tensor, prepared: BundleShown) -> NDArray[Any]:
        """Bring maps on the file's voxels into the order of its axes.

        Raises:
            InputError: They have other sides: the bundle does not undo what it did.
        """
        array: NDArray[Any] = np.array(_turned(found.cpu().numpy()))
        if array.shape[1:] != prepared.native.shape:
            raise InputError(
                f"the bundle's postprocessing leads to {array.shape[1:]} voxels, the file has "
                f"{prepared.native.shape}"
            )
        return array


@contextmanager
def quiet() -> Iterator[None]:
    """Without MONAI's warnings about its own future."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _compose(transforms: Sequence[Any]) -> Any:
    return importlib.import_module("monai.transforms").Compose(list(transforms))


def _turned(array: NDArray[Any]) -> NDArray[Any]:
    """Planes have rows and columns here; MONAI's reader of pictures has them as x and y."""
    return array.swapaxes(-1, -2) if array.ndim == 3 else array


def _affine(grid: Grid) -> Tensor:
    """Of the array that MONAI has; pictures have no place in the world."""
    return torch.from_numpy(np.array(grid.affine)) if grid.ndim == 3 else torch.eye(3).double()


def _meta(array: Tensor, affine: Tensor, operations: list[Any]) -> Any:
    meta_tensor = importlib.import_module("monai.data.meta_tensor").MetaTensor
    meta = {"space": "RAS", "original_channel_dim": 0}
    return meta_tensor(array, affine=affine, meta=meta, applied_operations=list(operations))


def _plain(found: Any) -> Tensor:
    return found.as_tensor() if hasattr(found, "as_tensor") else torch.as_tensor(found)
