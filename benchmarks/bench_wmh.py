"""The challenge's figures against the organisers' way, in one run.

    python benchmarks/bench_wmh.py [--repeats 3]

One 256 x 256 x 60 volume, 0.98 x 0.98 x 3 mm, 100 lesions, the prediction moved and partly missing.
The organisers' way: SimpleITK erodes and labels components, border voxels become points in the
world one by one, SciPy's KD-tree finds the nearest, lesions are counted label by label. Prints
times (median), the ratio and the largest difference.
"""

import argparse
import math
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import SimpleITK
from numpy.typing import NDArray
from scipy.spatial import KDTree

from segscope.metrics import wmh2017

SHAPE, SPACING = (256, 256, 60), (0.98, 0.98, 3.0)


def phantom() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    random = np.random.default_rng(0)
    truth = np.zeros(SHAPE, np.uint8)
    axes = np.ogrid[tuple(slice(0, s) for s in SHAPE)]
    for _ in range(100):
        centre = [random.uniform(10, s - 10) for s in SHAPE]
        radii = random.uniform(2, 6), random.uniform(2, 6), random.uniform(1, 3)
        parts = (((a - c) / r) ** 2 for a, c, r in zip(axes, centre, radii, strict=True))
        truth[sum(parts) <= 1] = 1
    prediction = np.roll(truth, 1, axis=0)
    prediction[:, :60] = 0
    truth[200:220, 200:220, 20:30] = 2  # other pathology
    return prediction, truth


def organisers(prediction: NDArray[np.uint8], truth: NDArray[np.uint8]) -> dict[str, float]:
    # as floats: thresholds between whole numbers do not work on integer images
    result = SimpleITK.GetImageFromArray(np.ascontiguousarray(prediction.T, dtype=np.float32))
    reference = SimpleITK.GetImageFromArray(np.ascontiguousarray(truth.T, dtype=np.float32))
    for image in (result, reference):
        image.SetSpacing(SPACING)
    masked = SimpleITK.Mask(result, SimpleITK.BinaryThreshold(reference, 1.5, 2.5, 0, 1))
    test = SimpleITK.BinaryThreshold(reference, 0.5, 1.5, 1, 0)
    found = SimpleITK.BinaryThreshold(masked, 0.5, 1000, 1, 0)
    t, p = SimpleITK.GetArrayFromImage(test) > 0, SimpleITK.GetArrayFromImage(found) > 0
    labelled, labelled_found = (SimpleITK.ConnectedComponent(i, True) for i in (test, found))
    hits, count = _recalled(SimpleITK.GetArrayFromImage(labelled), p)
    right, total = _recalled(SimpleITK.GetArrayFromImage(labelled_found), t)
    recall, precision = hits / count, right / total
    return {
        "dice": 2 * int((t & p).sum()) / (int(t.sum()) + int(p.sum())),
        "hd95_mm": _hd95(test, found),
        "avd_percent": abs(float(t.sum()) - float(p.sum())) / float(t.sum()) * 100,
        "lesion_recall": recall,
        "lesion_f1": 2 * precision * recall / (precision + recall),
    }


def _recalled(components: NDArray[Any], mask: NDArray[np.bool_]) -> tuple[int, int]:
    labels = [label for label in np.unique(components) if label]
    return sum(bool((mask & (components == label)).any()) for label in labels), len(labels)


def _hd95(test: SimpleITK.Image, found: SimpleITK.Image) -> float:
    borders = []
    for image in (test, found):
        edge = SimpleITK.Subtract(image, SimpleITK.BinaryErode(image, (1, 1, 0)))
        places = np.argwhere(SimpleITK.GetArrayFromImage(edge))
        to_world: Any = image.TransformIndexToPhysicalPoint
        borders.append(np.array([to_world([int(v) for v in place[::-1]]) for place in places]))
    one = KDTree(borders[0], leafsize=100).query(borders[1])[0]
    other = KDTree(borders[1], leafsize=100).query(borders[0])[0]
    return float(max(np.percentile(one, 95), np.percentile(other, 95)))


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description="the challenge's figures against the organisers'")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    prediction, truth = phantom()
    ours = wmh2017(prediction, truth, SPACING)
    theirs = organisers(prediction, truth)
    worst = max(abs(ours[name] - theirs[name]) for name in theirs)
    turns = [
        (
            seconds(lambda: wmh2017(prediction, truth, SPACING)),
            seconds(lambda: organisers(prediction, truth)),
        )
        for _ in range(arguments.repeats)
    ]
    fast, slow = (median(column) for column in zip(*turns, strict=True))
    print(f"organisers' way {slow:.3f} s, ours {fast:.4f} s, {slow / fast:.0f} times faster")
    print(f"largest difference {worst:.1e} ({', '.join(f'{n} {v:.4f}' for n, v in ours.items())})")
    if not math.isfinite(worst):
        raise SystemExit("a figure is undefined")


if __name__ == "__main__":
    main()
