"""Metrics where there are many: labels of one volume, and cases of a folder beside the peers.

    python benchmarks/bench_metrics_scale.py labels [--labels 104]
    python benchmarks/bench_metrics_scale.py folder [--cases 500] [--jobs 2] [--side 64]

`labels`: a 256 x 256 x 160 pair of label maps, blobs of a whole-body segmentation's sizes, the
prediction moved by a voxel. The floor is one pass over both maps: every pair of labels counted by
``np.bincount``, which is all that overlap figures need. All figures (surfaces, lesions, centres)
should take at most twice that time, and are those of every label computed alone.

`folder`: cases with three labels, written as .nii.gz, scored by our `evaluate_folders`, by
nnU-Net's own evaluation (overlaps only), by MONAI (HD95 and ASSD of each label) and by
panoptica (as it is asked here, matched instances); peers that are not installed are named and left
out. Processor time of this process and its ended children, in turns.
"""

import argparse
import importlib
import importlib.util
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from segscope.data import image_ending, read_label
from segscope.metrics import LabelReader, evaluate_case, evaluate_folders

SHAPE, SPACING = (256, 256, 160), (1.5, 1.5, 1.5)
READER = LabelReader(read_label, image_ending)
Labels = NDArray[np.uint8]


def blobs(shape: tuple[int, ...], labels: int, radius: float, seed: int) -> tuple[Labels, Labels]:
    """Ellipsoids side by side; the prediction is moved by a voxel."""
    random = np.random.default_rng(seed)
    truth = np.zeros(shape, np.uint8)
    for value in range(1, labels + 1):
        radii = np.minimum(random.uniform(0.5, 1.5, 3) * radius, np.array(shape) / 2 - 2)
        centre = [random.uniform(r + 1, s - r - 1) for r, s in zip(radii, shape, strict=True)]
        corner = [int(c - r) for c, r in zip(centre, radii, strict=True)]
        box = tuple(slice(c, int(c + 2 * r) + 2) for c, r in zip(corner, radii, strict=True))
        axes = np.ogrid[box]
        parts = (((a - c) / r) ** 2 for a, c, r in zip(axes, centre, radii, strict=True))
        truth[box][sum(parts) <= 1] = value
    return np.roll(truth, 1, int(random.integers(3))), truth


def in_turns(repeats: int, *works: Callable[[], object]) -> list[float]:
    """Medians of processor seconds, children included, after one turn that does not count."""
    times: list[list[float]] = [[] for _ in works]
    for turn in range(repeats + 1):
        for work, own in zip(works, times, strict=True):
            before = os.times()
            work()
            after = os.times()
            if turn or not repeats:
                own.append(sum(after[:4]) - sum(before[:4]))
    return [median(own) for own in times]


def compare_labels(labels: int, repeats: int) -> None:
    prediction, truth = blobs(SHAPE, labels, 16.0, 0)
    names = {f"l{value}": value for value in range(1, labels + 1)}

    def one_pass() -> NDArray[Any]:
        pairs = truth.ravel() * np.int32(256) + prediction.ravel()
        return np.bincount(pairs, minlength=256 * 256)

    def all_figures() -> dict[str, dict[str, float]]:
        return evaluate_case(prediction, truth, SPACING, names).to_dict()

    def overlaps() -> None:
        evaluate_case(prediction, truth, SPACING, names, overlap_only=True)

    floor, whole, plain = in_turns(repeats, one_pass, all_figures, overlaps)
    print(f"{labels} labels: one pass {floor:.3f} s; overlaps {plain:.3f} s ({plain / floor:.2f}); "
          f"all figures {whole:.3f} s ({whole / floor:.2f})")  # fmt: skip
    found = all_figures()
    for name in (f"l{1}", f"l{labels // 2}", f"l{labels}"):
        alone = evaluate_case(
            (prediction == names[name]).astype(np.uint8),
            (truth == names[name]).astype(np.uint8), SPACING, {"only": 1},
        ).to_dict()["only"]  # fmt: skip
        np.testing.assert_equal(found[name], alone)
    print("   three labels computed alone give the same figures")


def peers(prediction: Path, truth: Path, jobs: int) -> dict[str, Callable[[], object]]:
    def ours() -> object:
        return evaluate_folders(
            prediction,
            truth,
            read=LabelReader(read_label, image_ending),
            labels={"a": 1, "b": 2, "c": 3},
        )

    def pairs() -> list[list[NDArray[Any]]]:
        return [
            [read_label(folder / file.name).array for folder in (prediction, truth)]
            for file in sorted(truth.glob("*.nii.gz"))
        ]

    def nnunet() -> object:
        evaluation = importlib.import_module("nnunetv2.evaluation.evaluate_predictions")
        reader = importlib.import_module("nnunetv2.imageio.nibabel_reader_writer").NibabelIO()

        out = str(prediction.parent / "summary.json")
        return evaluation.compute_metrics_on_folder(
            str(truth), str(prediction), out, reader, ".nii.gz", [1, 2, 3], None, jobs
        )

    def monai() -> None:
        import torch
        from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

        for found, expected in pairs():
            p, t = (
                torch.from_numpy(np.stack([m == k for k in range(4)]))[None]
                for m in (found, expected)
            )
            compute_hausdorff_distance(p, t, percentile=95, spacing=list(SPACING))
            compute_average_surface_distance(p, t, symmetric=True, spacing=list(SPACING))

    def by_panoptica() -> None:
        panoptica = importlib.import_module("panoptica")
        kind = panoptica.Metric

        judge = panoptica.Panoptica_Evaluator(
            expected_input=panoptica.InputType.MATCHED_INSTANCE, log_times=False,
            instance_metrics=[kind.DSC, kind.IOU, kind.ASSD, kind.HD95],
            global_metrics=[kind.DSC],
        )  # fmt: skip
        for found, expected in pairs():
            judge.evaluate(found, expected, verbose=False)

    works: dict[str, tuple[str, Callable[[], object]]] = {
        "segscope": ("segscope", ours), "nnU-Net": ("nnunetv2", nnunet),
        "MONAI": ("monai", monai), "panoptica": ("panoptica", by_panoptica),
    }  # fmt: skip
    there = {name: work for name, (package, work) in works.items()
             if importlib.util.find_spec(package) is not None}  # fmt: skip
    for name in set(works) - set(there):
        print(f"{name} is not installed: left out")
    return there


def compare_folders(cases: int, jobs: int, side: int, repeats: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        folders = [Path(place, name) for name in ("prediction", "truth")]
        affine = np.diag([*SPACING, 1.0])
        for k in range(cases):
            for folder, labels in zip(folders, blobs((side,) * 3, 3, side / 6, k), strict=True):
                folder.mkdir(exist_ok=True)
                nib.save(nib.Nifti1Image(labels, affine), folder / f"case_{k:03d}.nii.gz")
        works = peers(folders[0], folders[1], jobs)
        started = time.perf_counter()
        seconds = in_turns(repeats, *works.values())
        for name, one in zip(works, seconds, strict=True):
            print(f"{name:10s} {one:8.2f} s of processor time   {one / seconds[0]:6.1f} times ours")
        print(
            f"{cases} cases of {side}^3, three labels; {time.perf_counter() - started:.0f} s in all"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="metrics of many labels and many cases")
    parser.add_argument("what", choices=["labels", "folder"])
    parser.add_argument("--labels", type=int, default=104)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--jobs", type=int, default=1, help="processes of nnU-Net's evaluation")
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.what == "labels":
        compare_labels(arguments.labels, arguments.repeats)
    else:
        compare_folders(arguments.cases, arguments.jobs, arguments.side, arguments.repeats)


if __name__ == "__main__":
    main()
