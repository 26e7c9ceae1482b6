"""Registration and head mask of a 256 x 256 x 256 volume, beside plain SimpleITK.

    python benchmarks/bench_global_mask.py [DATASET]

A real MRI of the dataset (BraTS 2013 by default, beside the checkout) is resampled to 256 voxels a
side; another case, as it is, is the template. The peer is what a program without us would do: the
same registration by SimpleITK at full sampling (10 % of the voxels instead of a fixed number),
Otsu's threshold, connected components, and filling, by SimpleITK's filters. Both run twice. The
promise is less than 20 s on two cores, and the same answer twice.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813

from segscope.data import load_of, open_dataset
from segscope.images import Grid, Image
from segscope.preprocessing import resample
from segscope.priors import global_binary_mask

SIDE = 256


def enlarged(image: Image) -> Image:
    """The first channel on a grid of 256 voxels a side, over the same field of view."""
    shape = (SIDE,) * 3
    array = resample(image.array[0], shape)
    scale = np.array(image.grid.shape) / SIDE
    change = np.diag([*scale, 1.0])
    change[:3, 3] = (scale - 1) / 2
    return Image(array[None], Grid(shape, image.grid.affine @ change))


def itk(image: Image) -> Any:
    """Without directions, as both are in RAS order here."""
    found = sitk.GetImageFromArray(np.ascontiguousarray(image.array[0].T, np.float32))
    found.SetSpacing([float(s) for s in image.grid.spacing_mm])
    return found


def by_simpleitk(image: Image, template: Image) -> Any:
    fixed, moving = itk(template), itk(image)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.1, seed=1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 200)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2.0, 1.0, 0.0])
    start = sitk.CenteredTransformInitializer(fixed, moving, sitk.Euler3DTransform())
    method.SetInitialTransform(start, inPlace=False)
    transform = method.Execute(fixed, moving)
    seen = sitk.Resample(moving, fixed, transform, sitk.sitkLinear, 0.0)
    limit = sitk.OtsuThresholdImageFilter()
    limit.SetNumberOfHistogramBins(256)
    limit.Execute(seen)
    above = moving > limit.GetThreshold()
    pieces = sitk.RelabelComponent(sitk.ConnectedComponent(above))
    return sitk.GetArrayFromImage(sitk.BinaryFillhole(pieces == 1)).T > 0


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    found = work()
    return time.perf_counter() - started, found


def main() -> None:
    parser = argparse.ArgumentParser(description="global binary mask of a 256^3 volume")
    parser.add_argument("dataset", type=Path, nargs="?",
                        default=Path("../shared/data/brats2013_glioma"))  # fmt: skip
    arguments = parser.parse_args()
    dataset = open_dataset(arguments.dataset)
    first, second = (load_of(dataset, case).image for case in dataset.training[:2])
    image, template = enlarged(second), Image(first.array[:1], first.grid)
    ours = [
        timed(lambda: global_binary_mask(image, method="threshold", source=template))
        for _ in range(2)
    ]
    masks = [found.mask.array > 0 for _, found in ours]
    theirs = [timed(lambda: by_simpleitk(image, template)) for _ in range(2)]
    same = bool((masks[0] == masks[1]).all())
    shared = 2 * int((masks[0] & theirs[0][1]).sum())
    agreement = shared / (int(masks[0].sum()) + int(theirs[0][1].sum()))
    best, peer = (min(seconds for seconds, _ in runs) for runs in (ours, theirs))
    print(f"segscope   {best:6.2f} s, the same voxels twice: {same}")
    print(f"SimpleITK  {peer:6.2f} s, ratio {best / peer:.2f}, Dice of the masks {agreement:.4f}")
    if not same or best >= 20:
        raise SystemExit("the promise is broken")


if __name__ == "__main__":
    main()
