"""The fingerprint of a dataset, measured in one pass over its files."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.data.layout import Dataset, LoadedCase, load_case
from segscope.errors import InputError
from segscope.images import ChannelStatistics, Fingerprint, Grid
from segscope.progress import track

_SAMPLES_PER_CASE = 10_000


@dataclass(frozen=True)
class CaseFacts:
    """What one case contributes."""

    name: str
    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    label_voxels: NDArray[np.int64]
    samples: NDArray[np.float64]
    minima: NDArray[np.float64]
    maxima: NDArray[np.float64]


def measure_fingerprint(dataset: Dataset) -> Fingerprint:
    """Read every labelled case once, and measure.

    Raises:
        InputError: A file is refused; `check_dataset` reports all of them at once.
    """
    channels = len(dataset.channel_names)
    cases = [case for case in dataset.training if case.label_file is not None]
    facts = [
        case_facts(load_case(case, channels=channels, labels=dataset.labels), dataset.labels)
        for case in track(cases, "measuring")
    ]
    return combine(dataset, facts)


def case_facts(loaded: LoadedCase, labels: dict[str, int]) -> CaseFacts:
    """Measure one case.

    Label counts are exact. Foreground intensities are at most 10,000 voxels per case, taken at
    equal steps through the foreground, so that large cases do not outweigh small ones.
    """
    image, label = loaded.image, loaded.label
    if label is None:
        raise InputError(f"case {loaded.case.name}: has no label map")
    flat = label.array.ravel(order="K")
    counts = np.bincount(flat, minlength=len(labels))
    chosen = np.flatnonzero(label.array)
    chosen = chosen[:: max(1, -(-len(chosen) // _SAMPLES_PER_CASE))]
    voxels = image.array.reshape(len(image.array), -1)[:, chosen]
    axes = tuple(range(1, image.array.ndim))
    shape, spacing = ras_geometry(image.grid)
    return CaseFacts(
        loaded.case.name,
        shape,
        spacing,
        counts,
        voxels.astype(np.float64),
        image.array.min(axes).astype(np.float64),
        image.array.max(axes).astype(np.float64),
    )


def ras_geometry(grid: Grid) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Shape and spacing with axes in the order closest to RAS; plane images stay as they are.

    Example:
        >>> affine = np.diag([1.0, 2.0, 3.0, 1.0])[[2, 1, 0, 3]]
        >>> ras_geometry(Grid((10, 20, 30), affine))
        ((30, 20, 10), (3.0, 2.0, 1.0))
    """
    if grid.ndim != 3:
        return grid.shape, grid.spacing_mm
    import nibabel as nib

    axes = nib.io_orientation(grid.affine)[:, 0].astype(int)
    order = [int(np.flatnonzero(axes == k)[0]) for k in range(3)]
    return tuple(grid.shape[k] for k in order), tuple(grid.spacing_mm[k] for k in order)


def combine(dataset: Dataset, facts: Iterable[CaseFacts]) -> Fingerprint:
    """Put cases together."""
    known = list(facts)
    if not known:
        raise InputError(f"{dataset.folder}: has no labelled case")
    dims = {len(f.shape) for f in known}
    if len(dims) > 1:
        raise InputError(f"{dataset.folder}: mixes plane images and volumes")
    counts = np.sum([f.label_voxels for f in known], axis=0)
    total = int(counts.sum())
    return Fingerprint(
        dataset=dataset.name,
        image_dims=dims.pop(),
        channels=tuple(_channel(name, known, k) for k, name in enumerate(dataset.channel_names)),
        labels=dataset.labels,
        cases=tuple(f.name for f in known),
        shapes=tuple(f.shape for f in known),
        spacings_mm=tuple(f.spacing_mm for f in known),
        label_voxels={value: int(counts[value]) for value in dataset.labels.values()},
        pcd_percent=100.0 * float(counts[1:].sum()) / total,
        cases_without_foreground=tuple(f.name for f in known if not f.label_voxels[1:].any()),
    )


def _channel(name: str, facts: list[CaseFacts], channel: int) -> ChannelStatistics:
    values: NDArray[Any] = np.concatenate([f.samples[channel] for f in facts])
    if not len(values):  # no foreground anywhere: the range is all there is to say
        values = np.concatenate([[f.minima[channel], f.maxima[channel]] for f in facts])
    low, median, high = np.percentile(values, [0.5, 50, 99.5])
    return ChannelStatistics(
        name=name,
        minimum=float(min(f.minima[channel] for f in facts)),
        maximum=float(max(f.maxima[channel] for f in facts)),
        foreground_mean=float(values.mean()),
        foreground_sd=float(values.std()),
        foreground_median=float(median),
        foreground_percentile_00_5=float(low),
        foreground_percentile_99_5=float(high),
    )
