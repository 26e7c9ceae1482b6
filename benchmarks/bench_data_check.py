"""Checking and reading a dataset against nibabel's reading alone, in one run.

    python benchmarks/bench_data_check.py DATASET [--repeats 7]

nibabel reads every image and label (``np.asarray(image.dataobj)``); we run `check_dataset`, which
reads every file by the verified path, checks values and grids and measures the fingerprint. Both
on one thread, in turns; medians.
"""

import argparse
import time
from pathlib import Path
from statistics import median
from typing import Any

import nibabel as nib
import numpy as np

from segscope.data import check_dataset, open_dataset


def main() -> None:
    parser = argparse.ArgumentParser(description="data check against nibabel's reading")
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    dataset = open_dataset(arguments.dataset)
    files = [f for c in dataset.training for f in (*c.image_files, c.label_file) if f is not None]
    theirs, ours = [], []
    for turn in range(arguments.repeats + 1):
        started = time.perf_counter()
        for file in files:
            image: Any = nib.load(file)
            np.asarray(image.dataobj)
        middle = time.perf_counter()
        report = check_dataset(arguments.dataset)
        ended = time.perf_counter()
        if report.problems:
            raise SystemExit(f"{len(report.problems)} problems in the dataset")
        if turn:  # the first pass warms the file cache for both
            theirs.append(middle - started)
            ours.append(ended - middle)
    print(f"{len(files)} files: nibabel {median(theirs):.3f} s, segscope {median(ours):.3f} s, ")
    print(f"ratio {median(ours) / median(theirs):.2f}")


if __name__ == "__main__":
    main()
