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
