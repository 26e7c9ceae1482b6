"""Training samples: patches of prepared cases, addressed by (epoch, index).

Case, place and augmentation of a sample come from (seed, epoch, index) alone: workers, their
number and what was drawn before change nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from segscope.training.augment import AugmentPlan, augment

_VOXELS_PER_CLASS = 5_000


@dataclass(frozen=True, eq=False)
class PreparedCase:
    """A case as the plan left it.

    Args:
        name: The case's.
        image: ``(C, *P)`` float32, may be memory-mapped.
        label: ``(*P)`` integers, likewise.
        foreground: Some voxels of each label that is present, ``(n, dims)``.
    """

    name: str
    image: NDArray[np.float32]
    label: NDArray[np.integer[Any]]
    foreground: dict[int, NDArray[np.integer[Any]]]


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
        patch: Shape of a sample; smaller cases are padded (image by its edge, label by 0).
        samples: Per epoch.
        seed: Of everything.
        augment: What is changed.
        foreground_share: Share of samples centred on a voxel of a random present label.
        slice_axis: For 2D samples of volumes, the axis that slices are taken along.
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
        epoch, index = address
        random = np.random.default_rng((self.seed, epoch, index))
        case = self.cases[int(random.integers(len(self.cases)))]
        centre = self._centre(case, random)
        image, label = case.image, case.label
        if self.slice_axis is not None:
            image = image.take(centre[self.slice_axis], axis=1 + self.slice_axis)
            label = label.take(centre[self.slice_axis], axis=self.slice_axis)
            centre = np.delete(centre, self.slice_axis)
        starts = self._starts(label.shape, centre)
        window = tuple(
            slice(max(0, start), min(side, start + size))
            for start, side, size in zip(starts, label.shape, self.patch, strict=True)
        )
        margins = [
            (max(0, -start), max(0, start + size - side))
            for start, side, size in zip(starts, label.shape, self.patch, strict=True)
        ]
        x = np.pad(np.asarray(image[(slice(None), *window)]), [(0, 0), *margins], mode="edge")
        y = np.pad(np.asarray(label[window]), margins)
        return self._augmented(x, y, random)

    def _augmented(
        self, x: NDArray[np.float32], y: NDArray[np.integer[Any]], random: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        image, label = augment(
            torch.from_numpy(x.astype(np.float32)),
            torch.from_numpy(y.astype(np.int64)),
            self.augment,
            random,
        )
        return image, label[None]

    def _centre(self, case: PreparedCase, random: np.random.Generator) -> NDArray[np.integer[Any]]:
        wants_foreground = random.random() < self.foreground_share
        anywhere = (random.random(case.label.ndim) * case.label.shape).astype(np.int64)
        label, voxel = random.random(2)
        if not wants_foreground or not case.foreground:
            return anywhere
        values = sorted(case.foreground)
        places = case.foreground[values[int(label * len(values))]]
        return np.asarray(places[int(voxel * len(places))], np.int64)

    def _starts(self, shape: tuple[int, ...], centre: NDArray[np.integer[Any]]) -> list[int]:
        """Place the patch around the centre, inside the case; centred where the case is smaller."""
        starts = []
        for side, size, middle in zip(shape, self.patch, centre, strict=True):
            if side <= size:
                starts.append(-((size - side) // 2))
            else:
                starts.append(int(np.clip(int(middle) - size // 2, 0, side - size)))
        return starts


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
