"""Surface and lesion metrics against MONAI and MedPy, in one run, in the same definitions.

    python benchmarks/bench_metrics.py [--repeats 3]

One 256 x 256 x 160 case, 1 mm, 30 lesions, the prediction moved and partly missing. Borders are
voxels with a face neighbour outside the mask, as in MONAI and MedPy. HD95 here and in MONAI is the
larger of two directed percentiles; MedPy pools both directions, so its figure is compared with the
pooled percentile of our distances. Prints times (median), ratios, differences, our peak memory.
"""

import argparse
import time
import tracemalloc
import warnings
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segscope.images.components import bounding_box
from segscope.metrics import (
    average_distance,
    border_distances,
    hausdorff_distance,
    lesion_scores,
)

SHAPE, SPACING = (256, 256, 160), (1.0, 1.0, 1.0)


def phantom() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Thirty ellipsoids; the prediction is moved by a voxel and lacks three of them."""
    random = np.random.default_rng(0)
    truth = np.zeros(SHAPE, bool)
    parts: list[NDArray[np.bool_]] = []
    axes = np.ogrid[tuple(slice(0, s) for s in SHAPE)]
    while len(parts) < 30:
        radii = random.uniform(2, 9, 3)
        centre = [random.uniform(25, s - 25) for s in SHAPE]
        part = sum(((a - c) / r) ** 2 for a, c, r in zip(axes, centre, radii, strict=True)) <= 1
        if not (ndimage.binary_dilation(part, iterations=2) & truth).any():
            parts.append(part)
            truth |= part
    prediction = np.zeros(SHAPE, bool)
    for part in parts[3:]:
        prediction |= np.roll(part, 1, int(random.integers(3)))
    return prediction, truth


def ours(prediction: NDArray[np.bool_], truth: NDArray[np.bool_]) -> dict[str, float]:
    distances = border_distances(prediction, truth, SPACING)
    both = np.concatenate([distances.prediction_to_truth, distances.truth_to_prediction])
    return {
        "hd": hausdorff_distance(distances),
        "hd95": hausdorff_distance(distances, 95),
        "hd95 pooled": float(np.percentile(both, 95)),
        "assd": average_distance(distances),
        "asd": float(distances.prediction_to_truth.mean()),
        **lesion_scores(prediction, truth),
    }


def monai(prediction: NDArray[np.bool_], truth: NDArray[np.bool_]) -> dict[str, float]:
    import torch
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

    p, t = (torch.from_numpy(m)[None, None] for m in (prediction, truth))
    options: dict[str, Any] = {"include_background": True, "spacing": list(SPACING)}
    found = {
        "hd": compute_hausdorff_distance(p, t, **options).item(),
        "hd95": compute_hausdorff_distance(p, t, percentile=95, **options).item(),
        "asd": compute_average_surface_distance(p, t, **options).item(),
    }
    return found


def medpy(prediction: NDArray[np.bool_], truth: NDArray[np.bool_]) -> dict[str, float]:
    from medpy.metric import binary

    return {
        "hd": binary.hd(prediction, truth, SPACING),
        "hd95 pooled": binary.hd95(prediction, truth, SPACING),
        "asd": binary.asd(prediction, truth, SPACING),
        # connectivity 3: MedPy counts lesions by its own assignment; timed, not compared
        "lesions": binary.obj_tpr(prediction, truth, connectivity=3),
    }


def timed(job: Callable[..., dict[str, float]], masks: Any) -> tuple[dict[str, float], float]:
    started = time.perf_counter()
    return job(*masks), time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description="metrics against MONAI and MedPy")
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    warnings.simplefilter("ignore")
    masks = phantom()
    jobs = {"segscope": ours, "MONAI": monai, "MedPy": medpy}
    times: dict[str, list[float]] = {name: [] for name in jobs}
    results = {}
    monai(*(m[:32, :32, :32] for m in masks))  # its import is not measured
    for _ in range(repeats):
        for name, job in jobs.items():
            results[name], seconds = timed(job, masks)
            times[name].append(seconds)
    base = median(times["segscope"])
    for name, found in times.items():
        print(f"{name:10s} {median(found):8.3f} s   {median(found) / base:6.1f} times ours")
    for name in ("MONAI", "MedPy"):
        shared = set(results[name]) & set(results["segscope"])
        apart = {k: abs(results[name][k] - results["segscope"][k]) for k in sorted(shared)}
        print(f"{name}: " + ", ".join(f"{k} differs by {v:.2e}" for k, v in apart.items()))
    tracemalloc.start()
    ours(*masks)
    _, peak = tracemalloc.get_traced_memory()
    box = bounding_box(masks[0] | masks[1])
    volume = masks[0][box].size if box else 0
    print(f"our peak memory {peak / 2**20:.1f} MiB = {peak / volume:.1f} bytes per cropped voxel")


if __name__ == "__main__":
    main()
