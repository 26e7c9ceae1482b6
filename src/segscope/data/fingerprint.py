"""The fingerprint of a dataset, measured in one pass over its files."""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from segscope.data.facts import image_facts
from segscope.data.intensities import outside_rgb
from segscope.data.layout import Dataset
from segscope.data.loading import LoadedCase, load_of
from segscope.data.problems import refuse
from segscope.data.workers import ordered_map, reading_workers
from segscope.errors import InputError
from segscope.images import Case, ChannelStatistics, Fingerprint, ImageFacts
from segscope.progress import track

SAMPLES_PER_CASE = 10_000


@dataclass(frozen=True, eq=False)
class CaseFacts:
    """What one case contributes.

    Args:
        name: Of the case.
        shape: ``(*S)`` in RAS order.
        spacing_mm: In RAS order.
        label_voxels: ``(K,)``, exact.
        samples: ``(C, n)`` intensities of the same n foreground voxels in every channel.
        minima: ``(C,)`` over all voxels.
        maxima: ``(C,)`` over all voxels.
        content: Equal for images with equal voxels.
        image: Of all voxels.
    """

    name: str
    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    label_voxels: NDArray[np.int64]
    samples: NDArray[np.float64]
    minima: NDArray[np.float64]
    maxima: NDArray[np.float64]
    content: tuple[int, ...]
    image: ImageFacts


def measure_fingerprint(dataset: Dataset, *, workers: int | None = None) -> Fingerprint:
    """Read every labelled case once, and measure.

    Args:
        dataset: With labelled training cases.
        workers: Threads that read; `reading_workers` decides by default. The result is the same.

    Raises:
        InputError: A file is refused; `check_dataset` reports all of them at once.
    """

    def measured(case: Case) -> CaseFacts:
        facts = case_facts(load_of(dataset, case), dataset.labels)
        names = dataset.channel_names
        refuse(f"case {case.name}", outside_rgb(names, facts.minima, facts.maxima, case))
        return facts

    cases = [case for case in dataset.training if case.label_file is not None]
    threads = reading_workers(image_files(cases)) if workers is None else workers
    facts = ordered_map(measured, cases, workers=threads)
    return combine(dataset, track(facts, "measuring", total=len(cases)))


def case_facts(loaded: LoadedCase, labels: dict[str, int]) -> CaseFacts:
    """Measure one case.

    Label counts, minima and maxima are exact. Intensities are those of at most 10,000 foreground
    voxels per case, drawn without replacement by a generator seeded with the case's name, so that
    large cases do not outweigh small ones and the order of cases does not matter.
    """
    image, label = loaded.image, loaded.label
    if label is None:
        raise InputError(f"case {loaded.case.name}: has no label map; the fingerprint needs one")
    # in the order of memory (x fastest in NIfTI): flattening across it would copy every voxel
    order: Literal["F", "C"] = "F" if label.array.flags.f_contiguous else "C"
    flat = label.array.ravel(order=order)
    channels = [channel.ravel(order=order) for channel in image.array]
    foreground = np.flatnonzero(flat != 0)  # of booleans: many times faster than of integers
    counts = np.bincount(flat[foreground], minlength=len(labels))
    counts[0] = flat.size - foreground.size
    chosen = _sample(foreground, loaded.case.name)
    facts = image_facts(loaded.case.name, image)
    return CaseFacts(
        loaded.case.name,
        facts.shape,
        facts.spacing_mm,
        counts,
        np.array([channel[chosen] for channel in channels], np.float64),
        np.array([channel.lowest for channel in facts.channels]),
        np.array([channel.highest for channel in facts.channels]),
        tuple(isal_zlib.crc32(channel.view(np.uint8)) for channel in channels),
        facts,
    )


def _sample(places: NDArray[np.int64], name: str) -> NDArray[np.int64]:
    if len(places) <= SAMPLES_PER_CASE:
        return places
    random = np.random.default_rng(zlib.crc32(name.encode("utf-8", "surrogateescape")))
    chosen = random.choice(len(places), SAMPLES_PER_CASE, replace=False, shuffle=False)
    return places[np.sort(chosen)]


def image_files(cases: Sequence[Case]) -> list[Path]:
    """First image file of every case."""
    return [case.image_files[0] for case in cases]


def combine(dataset: Dataset, facts: Iterable[CaseFacts]) -> Fingerprint:
    """Put cases together.

    Raises:
        InputError: There is no labelled case, or planes and volumes are mixed.
    """
    known = list(facts)
    if not known:
        raise InputError(f"{dataset.folder}: has no labelled case; add images and labels")
    dims = {len(f.shape) for f in known}
    if len(dims) > 1:
        raise InputError(
            f"{dataset.folder}: mixes plane images and volumes; make one dataset of each"
        )
    counts = np.sum([f.label_voxels for f in known], axis=0)
    return Fingerprint(
        dataset=dataset.name,
        image_dims=dims.pop(),
        channels=tuple(_channel(name, known, k) for k, name in enumerate(dataset.channel_names)),
        labels=dataset.labels,
        cases=tuple(f.name for f in known),
        shapes=tuple(f.shape for f in known),
        spacings_mm=tuple(f.spacing_mm for f in known),
        label_voxels={value: int(counts[value]) for value in dataset.labels.values()},
        pcd_percent=100.0 * float(counts[1:].sum()) / float(counts.sum()),
        cases_without_foreground=tuple(f.name for f in known if not f.label_voxels[1:].any()),
        images=tuple(f.image for f in known),
    )


def _channel(name: str, facts: Sequence[CaseFacts], channel: int) -> ChannelStatistics:
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
