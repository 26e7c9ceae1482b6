"""Registration of an image to a template, and arrays from one grid to another.

Everything is in the world of the grids (millimetres, RAS+ for volumes); SimpleITK does the work.
The same images and seed give the same transform, to the last bit: samples are drawn from the
seed, and sums are not shared among threads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from segscope.errors import WorkError
from segscope.images import Grid
from segscope.preprocessing.crop import border_value

Kind = Literal["rigid", "affine"]

_SAMPLES = 20_000  # of the metric, at every resolution
_FINEST_MM = 2.0  # finer voxels tell a global position nothing more
_ITERATIONS = 100


@dataclass(frozen=True, eq=False)
class Transform:
    """From the world of a template to the world of an image.

    Args:
        matrix: ``(n + 1, n + 1)``, homogeneous, in mm.
        metric: Mattes mutual information at the end, negative; lower is better.

    Example:
        >>> Transform(np.diag([2.0, 2.0, 1.0]), -0.5).to_template([[4.0, 6.0]]).tolist()
        [[2.0, 3.0]]
    """

    matrix: NDArray[np.float64]
    metric: float

    def to_image(self, points_mm: Any) -> NDArray[np.float64]:
        """Map points of the template ``(..., n)`` to the image, in mm."""
        n = len(self.matrix) - 1
        return np.asarray(points_mm, float) @ self.matrix[:n, :n].T + self.matrix[:n, n]

    def to_template(self, points_mm: Any) -> NDArray[np.float64]:
        """Map points of the image ``(..., n)`` to the template, in mm."""
        back = np.asarray(np.linalg.inv(self.matrix), np.float64)
        return Transform(back, self.metric).to_image(points_mm)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; `from_dict` takes them back."""
        return {"matrix_template_to_image_mm": self.matrix.tolist(), "metric": self.metric}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Take back what `to_dict` gave."""
        return cls(np.array(facts["matrix_template_to_image_mm"], float), float(facts["metric"]))


def register(
    array: NDArray[Any],
    grid: Grid,
    template: NDArray[Any],
    template_grid: Grid,
    *,
    kind: Kind = "rigid",
    seed: int = 0,
) -> Transform:
    """Find where a template lies in an image.

    Mattes mutual information over seeded samples, from centres of mass, at three resolutions:
    first rigid, then affine where that is asked for. Works between modalities.

    Args:
        array: ``(*S)``, the image.
        grid: Of the image.
        template: ``(*T)``.
        template_grid: Of the template.
        kind: ``rigid`` or ``affine``.
        seed: Of the samples.

    Raises:
        ValueError: An unknown kind; dimensions that differ.
        WorkError: The images do not overlap enough to be compared.

    Example:
        >>> spots = np.zeros((24, 24)); spots[6:15, 5:18] = 1; spots[8:10, 7:12] = 2
        >>> grid = Grid.from_spacing((24, 24))
        >>> moved = np.roll(spots, (3, 2), (0, 1))
        >>> register(moved, grid, spots, grid).to_image([[10.0, 10.0]]).round().tolist()
        [[13.0, 12.0]]
    """
    import SimpleITK as sitk  # noqa: N813

    if kind not in ("rigid", "affine"):
        raise ValueError(f"kind must be rigid or affine, got {kind!r}")
    if grid.ndim != template_grid.ndim:
        raise ValueError(
            f"image and template must both be planes or volumes, got {grid.ndim}D and "
            f"{template_grid.ndim}D"
        )
    fixed, moving = _itk(template, template_grid), _itk(array, grid)
    rigid = sitk.Euler2DTransform() if grid.ndim == 2 else sitk.Euler3DTransform()
    try:
        start = sitk.CenteredTransformInitializer(
            fixed, moving, rigid, sitk.CenteredTransformInitializerFilter.MOMENTS
        )
        found, metric = _descend(fixed, moving, start, seed)
        if kind == "affine":
            matrix, centre = _matrix(found, grid.ndim), found.TransformPoint([0.0] * grid.ndim)
            affine = sitk.AffineTransform(grid.ndim)
            affine.SetMatrix(matrix[:-1, :-1].ravel().tolist())
            affine.SetTranslation(list(centre))
            found, metric = _descend(fixed, moving, affine, seed)
    except RuntimeError as error:
        said = str(error).strip().splitlines()[-1]
        raise WorkError(f"the image cannot be registered to the template ({said})") from None
    return Transform(_matrix(found, grid.ndim), metric)


def onto(
    array: NDArray[Any],
    grid: Grid,
    target: Grid,
    matrix: NDArray[np.float64] | None = None,
    *,
    nearest: bool = False,
    outside: float = 0.0,
) -> NDArray[Any]:
    """Read an array at the voxels of another grid.

    Args:
        array: ``(*S)``.
        grid: Of ``array``.
        target: Where values are wanted.
        matrix: From the target's world to the array's, in mm; the identity where not given.
        nearest: Take the nearest voxel instead of blending.
        outside: Value beyond the array.

    Returns:
        ``(*T)``; of the array's type for ``nearest``, else float32.

    Example:
        >>> grid = Grid.from_spacing((3,) * 2)
        >>> onto(np.eye(3), grid, Grid.from_spacing((2, 2), (2.0, 2.0))).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    import SimpleITK as sitk  # noqa: N813

    n = grid.ndim
    back = np.eye(n + 1) if matrix is None else matrix
    transform = sitk.AffineTransform(n)
    transform.SetMatrix(back[:n, :n].ravel().tolist())
    transform.SetTranslation(back[:n, n].tolist())
    kind: Any = array.dtype if nearest else np.float32
    number: Any = np.uint8 if kind == np.bool_ else kind
    filter_ = sitk.ResampleImageFilter()
    filter_.SetSize([int(side) for side in reversed(target.shape)])
    _place(filter_.SetOutputSpacing, filter_.SetOutputDirection, filter_.SetOutputOrigin, target)
    filter_.SetTransform(transform)
    filter_.SetInterpolator(sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear)
    filter_.SetDefaultPixelValue(float(outside))
    read = sitk.GetArrayFromImage(filter_.Execute(_plain(array.astype(number), grid)))
    found: NDArray[Any] = read.astype(kind, copy=False)
    return found


def _descend(fixed: Any, moving: Any, start: Any, seed: int) -> tuple[Any, float]:
    import SimpleITK as sitk  # noqa: N813

    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfWorkUnits(1)  # sums shared among threads differ in the last bits
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.RANDOM)
    voxels = float(np.prod(fixed.GetSize()))
    shrinks = [4, 2, 1]
    shares = [min(1.0, _SAMPLES / (voxels / shrink ** fixed.GetDimension())) for shrink in shrinks]
    method.SetMetricSamplingPercentagePerLevel(shares, seed + 1)  # 0 would mean the clock
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=1e-3, numberOfIterations=_ITERATIONS, relaxationFactor=0.6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(shrinks)
    method.SetSmoothingSigmasPerLevel([2.0, 1.0, 0.0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
    method.SetInitialTransform(start, inPlace=False)
    found = method.Execute(fixed, moving)
    return found, float(method.GetMetricValue())


def _itk(array: NDArray[Any], grid: Grid) -> Any:
    """Its surround is 0, so that centres of mass are the object's; voxels of about 2 mm."""
    import SimpleITK as sitk  # noqa: N813

    values = array.astype(np.float32)
    values = np.abs(values - np.float32(border_value(values)))
    image = _plain(values, grid)
    if grid.ndim == 2:
        return image
    shrinks = [max(1, int(_FINEST_MM / side + 1e-6)) for side in image.GetSpacing()]
    return sitk.BinShrink(image, shrinks) if max(shrinks) > 1 else image


def _plain(array: NDArray[Any], grid: Grid) -> Any:
    import SimpleITK as sitk  # noqa: N813

    image = sitk.GetImageFromArray(np.ascontiguousarray(array))
    _place(image.SetSpacing, image.SetDirection, image.SetOrigin, grid)
    return image


def _place(set_spacing: Any, set_direction: Any, set_origin: Any, grid: Grid) -> None:
    """ITK counts axes backwards; the world stays ours, as both images are put into it alike."""
    n = grid.ndim
    set_spacing([float(side) for side in reversed(grid.spacing_mm)])
    set_direction(grid.directions[:, ::-1].ravel().tolist())
    set_origin([float(x) for x in grid.affine[:n, n]])


def _matrix(transform: Any, n: int) -> NDArray[np.float64]:
    """What any transform of a template's points does, as a matrix."""
    matrix = np.eye(n + 1)
    matrix[:n, n] = transform.TransformPoint([0.0] * n)
    for k in range(n):
        unit = [float(k == axis) for axis in range(n)]
        matrix[:n, k] = np.array(transform.TransformPoint(unit)) - matrix[:n, n]
    return matrix
