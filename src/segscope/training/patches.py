"""Training samples: patches of prepared cases, addressed by (epoch, index).

Case, place and augmentation of a sample come from (seed, epoch, index) alone: workers, their
number and what was drawn before change nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from segscope.images import LabelMap
from segscope.preprocessing import Prepared
from segscope.training.augment import AugmentPlan, draw_geometry, vary
from segscope.training.geometry import resample

_VOXELS_PER_CLASS = 5_000


@dataclass(frozen=True, eq=False)
class PreparedCase:
    """A case as the plan left it.

    Args:
        name: The case's.
        image: ``(C, *P)`` float32, may be memory-mapped.
        label: ``(*P)`` integers, likewise.
        foreground: Some voxels of each label that is present, ``(n, dims)``.
        undo: The prepared image with its way back, ``image`` its voxels; None where a case was not
            prepared by a plan.
        truth: Reads the label map as it is in the dataset, on its own grid; None likewise.
    """

    name: str
    image: NDArray[np.float32]
    label: NDArray[np.integer[Any]]
    foreground: dict[int, NDArray[np.integer[Any]]]
    undo: Prepared | None = None
    truth: Callable[[], LabelMap] | None = None


def foreground_voxels(label: NDArray[np.integer[Any]]) -> dict[int, NDArray[np.integer[Any]]]:
    """List at most 5,000 voxels per label, at equal steps through each.

    Example:
        >>> foreground_voxels(np.array([[0, 2], [0, 0]]))[2].tolist()
        [[0, 1]]
    """
    found: dict[int, NDArray[np.integer[Any]]] = {}
    for value in np.unique(label[label > 0]):
        places = np.argwhere(label == value)
        step = max(1, -(-len(places) // _VOXELS_PER_CLASS))
        found[int(value)] = places[::step].astype(np.int32)
    return found


class PatchDataset(Dataset[tuple[Tensor, Tensor]]):
    """Patches by (epoch, index).

    Args:
        cases: To draw from, each equally often.
        patch: Shape of a sample; beyond a smaller case its edge is repeated, label and image.
        samples: Per epoch.
        seed: Of everything.
        augment: What is changed.
        foreground_share: Share of samples centred on a voxel of a random present label; the others
            lie anywhere.
        slice_axis: For 2D samples of volumes, the axis that slices are taken along.

    Raises:
        ValueError: No case, an option out of its range, or axes that do not fit together.

    Example:
        >>> label = np.zeros((9, 9), np.uint8)
        >>> case = PreparedCase("a", np.zeros((1, 9, 9), np.float32), label, {})
        >>> data = PatchDataset([case], (4, 6), samples=2, seed=0, augment=AugmentPlan())
        >>> [tuple(part.shape) for part in data[0, 1]]
        [(1, 4, 6), (1, 4, 6)]
    """

    def __init__(
        self,
        cases: Sequence[PreparedCase],
        patch: Sequence[int],
        *,
        samples: int,
        seed: int,
        augment: AugmentPlan,
        foreground_share: float = 0.33,
        slice_axis: int | None = None,
    ) -> None:
        if not cases:
            raise ValueError("at least one case is needed")
        if samples < 1 or not 0 <= foreground_share <= 1:
            raise ValueError(
                f"samples must be at least 1 and foreground_share in 0..1, got {samples} and "
                f"{foreground_share}"
            )
        for case in cases:
            _check_axes(case, patch, slice_axis)
        if not set(augment.mirror_axes) <= set(range(len(patch))):
            raise ValueError(f"mirror_axes {augment.mirror_axes} do not all exist in {patch}")
        if len(augment.voxel_mm) not in (0, len(patch)):
            raise ValueError(f"voxel_mm needs {len(patch)} sides, got {augment.voxel_mm}")
        self.cases = list(cases)
        self.patch = tuple(patch)
        self.samples = samples
        self.seed = seed
        self.augment = augment
        self.foreground_share = foreground_share
        self.slice_axis = slice_axis

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, address: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return image ``(C, *patch)`` float32 and label ``(1, *patch)`` int64."""
        case, random = self._drawn(address)
        centre = self._centre(case, random)
        geometry = draw_geometry(self.augment, len(self.patch), random)
        source = self.patch if geometry is None else geometry.source_shape(self.patch)
        image, label = self._cut(case, centre, source)
        with _one_thread():
            if geometry is not None:
                image, label = resample(image, label, geometry, self.patch)
            image, label = vary(image, label, self.augment, random)
        return image, label[None]

    def case_of(self, address: tuple[int, int]) -> str:
        """Name the case that a sample is cut from."""
        return self._drawn(address)[0].name

    def _drawn(self, address: tuple[int, int]) -> tuple[PreparedCase, np.random.Generator]:
        random = np.random.default_rng((self.seed, *address))
        return self.cases[int(random.integers(len(self.cases)))], random

    def _cut(
        self, case: PreparedCase, centre: NDArray[np.integer[Any]], source: tuple[int, ...]
    ) -> tuple[Tensor, Tensor]:
        """Take the window ``source`` that is centred as the patch around ``centre`` is."""
        axes = [k for k in range(case.label.ndim) if k != self.slice_axis]
        sides = [case.label.shape[k] for k in axes]
        window: list[Any] = [int(middle) for middle in centre]
        margins = []
        starts = self._starts(sides, centre[axes])
        for axis, start, side, size, wide in zip(
            axes, starts, sides, self.patch, source, strict=True
        ):
            first, last = start - (wide - size) // 2, start + (wide + size) // 2
            window[axis] = slice(max(0, first), min(side, last))
            margins.append((max(0, -first), max(0, last - side)))
        # padding copies, so nothing that follows writes into a memory-mapped case
        x = np.pad(np.asarray(case.image[(slice(None), *window)]), [(0, 0), *margins], mode="edge")
        y = np.pad(np.asarray(case.label[tuple(window)]), margins, mode="edge")
        image = torch.from_numpy(x.astype(np.float32, copy=False))
        return image, torch.from_numpy(y.astype(np.int64, copy=False))

    def _centre(self, case: PreparedCase, random: np.random.Generator) -> NDArray[np.integer[Any]]:
        wants_foreground = random.random() < self.foreground_share
        anywhere = (random.random(case.label.ndim) * case.label.shape).astype(np.int64)
        label, voxel = random.random(2)
        if not wants_foreground or not case.foreground:
            return anywhere
        values = sorted(case.foreground)
        places = case.foreground[values[int(label * len(values))]]
        return np.asarray(places[int(voxel * len(places))], np.int64)

    def _starts(self, shape: Sequence[int], centre: NDArray[np.integer[Any]]) -> list[int]:
        """Place the patch around the centre, inside the case; centred where the case is smaller."""
        starts = []
        for side, size, middle in zip(shape, self.patch, centre, strict=True):
            if side <= size:
                starts.append(-((size - side) // 2))
            else:
                starts.append(int(np.clip(int(middle) - size // 2, 0, side - size)))
        return starts


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute as a data worker does: the order of sums, and so the last bit, depends on threads."""
    threads = torch.get_num_threads()
    if threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class EpochSampler(Sampler[tuple[int, int]]):
    """Addresses of one epoch's samples; set ``epoch`` before each.

    Args:
        samples: Per epoch, over all ranks.
        epoch: The first.
        rank: Of this process, which takes every ``ranks``-th sample.
        ranks: Processes in all.

    Example:
        >>> list(EpochSampler(4, 7, rank=1, ranks=2))
        [(7, 1), (7, 3)]
    """

    def __init__(self, samples: int, epoch: int, *, rank: int = 0, ranks: int = 1) -> None:
        self.samples, self.epoch, self.rank, self.ranks = samples, epoch, rank, ranks

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return ((self.epoch, index) for index in range(self.rank, self.samples, self.ranks))

    def __len__(self) -> int:
        return len(range(self.rank, self.samples, self.ranks))


def _check_axes(case: PreparedCase, patch: Sequence[int], slice_axis: int | None) -> None:
    dims = case.label.ndim
    if case.image.shape[1:] != case.label.shape:
        raise ValueError(
            f"case {case.name}: image {case.image.shape} and label {case.label.shape} differ"
        )
    if slice_axis is not None and not 0 <= slice_axis < dims:
        raise ValueError(f"slice_axis must lie in 0..{dims - 1}, got {slice_axis}")
    if len(patch) != dims - (slice_axis is not None) or min(patch) < 1:
        raise ValueError(
            f"case {case.name} has {dims} axes: the patch needs as many sides (one less where "
            f"slices are taken), got {tuple(patch)}"
        )
