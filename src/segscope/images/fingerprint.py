"""What a dataset is like, in numbers that plans are made from."""

from pydantic import BaseModel, ConfigDict


class ChannelStatistics(BaseModel):
    """Intensities of one channel over all labelled (foreground) voxels of all cases.

    All in the units of the files. ``foreground`` values are pooled over cases with equal numbers
    of sampled voxels per case.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    minimum: float
    maximum: float
    foreground_mean: float
    foreground_sd: float
    foreground_median: float
    foreground_percentile_00_5: float
    foreground_percentile_99_5: float


class Intensities(BaseModel):
    """One channel of one image, over all its voxels, in the units of its file.

    ``lowest`` and ``highest`` are exact; the percentiles 0.5, 5, 25, 50, 75, 95 and 99.5 are those
    of a fixed sample of voxels.
    """

    model_config = ConfigDict(frozen=True)

    lowest: float
    highest: float
    percentiles: tuple[float, float, float, float, float, float, float]

    @property
    def low(self) -> float:
        """The 0.5th percentile."""
        return self.percentiles[0]

    @property
    def median(self) -> float:
        """The 50th percentile."""
        return self.percentiles[3]

    @property
    def high(self) -> float:
        """The 99.5th percentile."""
        return self.percentiles[-1]

    @property
    def contrast(self) -> float:
        """Distance from the 0.5th to the 99.5th percentile."""
        return self.high - self.low


class ImageFacts(BaseModel):
    """What one image is like, for the question whether another one is of its kind.

    ``shape`` and ``spacing_mm`` are in the order of axes that `Fingerprint` has.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    orientation: str
    """Of the file's axes, e.g. ``RAS``; empty for plane images."""
    modality: str | None = None
    """As DICOM names it; None where the file does not say."""
    channels: tuple[Intensities, ...]
    twins: tuple[tuple[int, int], ...] = ()
    """Pairs of channels that hold the same values, as those of a grey image stored as RGB do."""


class Fingerprint(BaseModel):
    """Measured once per dataset; everything that is planned follows from it.

    ``shapes`` and ``spacings_mm`` are in each file's own axis order and, for volumes, after the
    axes were permuted to the closest RAS+ order (so that anisotropy is comparable between cases).
    """

    model_config = ConfigDict(frozen=True)

    dataset: str
    image_dims: int
    channels: tuple[ChannelStatistics, ...]
    labels: dict[str, int]
    cases: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    spacings_mm: tuple[tuple[float, ...], ...]
    label_voxels: dict[int, int]
    """Voxels per label value, summed over all labelled cases, background included."""
    pcd_percent: float
    """Positive voxels of the truth in percent of all voxels."""
    cases_without_foreground: tuple[str, ...]
    images: tuple[ImageFacts, ...] = ()
    """One per case; empty in fingerprints that were measured before these facts were kept."""

    @property
    def median_shape(self) -> tuple[int, ...]:
        """Median number of voxels per axis."""
        return tuple(int(_median([s[k] for s in self.shapes])) for k in range(self.image_dims))

    @property
    def median_spacing_mm(self) -> tuple[float, ...]:
        """Median spacing per axis."""
        return tuple(_median([s[k] for s in self.spacings_mm]) for k in range(self.image_dims))


def _median(values: list[float] | list[int]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return float(ordered[middle])
    return float(ordered[middle - 1] + ordered[middle]) / 2
