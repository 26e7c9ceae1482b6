"""Checking a dataset against nibabel's reading alone, in one run.

    python benchmarks/bench_data_check.py DATASET [--repeats 15]

nibabel reads every image and label (``np.asarray(image.dataobj)``), on one thread. We run
`check_dataset`: the whole verified path, checks of values and grids, and the fingerprint; on one
thread, which is the fair comparison, and on two, which is what the command does for compressed
files. All take turns in one process; medians of the times and of each turn's ratio. The promise is
a ratio of at most 1.2.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import nibabel as nib
import numpy as np

from segscope.data import check_dataset, open_dataset


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def read_all(files: list[Path]) -> None:
    for file in files:
        image: Any = nib.load(file)
        np.asarray(image.dataobj)


def main() -> None:
    parser = argparse.ArgumentParser(description="data check against nibabel's reading")
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    folder = arguments.dataset
    dataset = open_dataset(folder)
    files = [f for c in dataset.training for f in (*c.image_files, c.label_file) if f is not None]
    if check_dataset(folder).problems:  # this pass warms the file cache for all, too
        raise SystemExit(f"{folder}: has problems; run segscope data check")
    runs: dict[str, Callable[[], object]] = {
        "nibabel's reading": lambda: read_all(files),
        "check, 1 thread": lambda: check_dataset(folder, workers=1),
        "check, 2 threads": lambda: check_dataset(folder, workers=2),
    }
    turns = [[seconds(work) for work in runs.values()] for _ in range(arguments.repeats)]
    print(f"{len(files)} files, median of {arguments.repeats} turns")
    for number, name in enumerate(runs):
        ratio = median(turn[number] / turn[0] for turn in turns)
        print(f"{name:18s} {median(turn[number] for turn in turns):7.3f} s  ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
