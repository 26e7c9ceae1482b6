"""Converting a download that needs no change, beside a plain copy of its files.

    python benchmarks/bench_convert.py [--cases 1000] [--side 64]

Volumes of random values with a label each (LiTS's names) are copied by shutil.copytree: plain, with
one sync at the end, and with every file synced; and converted with one job and with two. A
conversion ends on the disk, and reads and checks every label on its way. Prints wall and processor
seconds, ratios of wall time, and the machine's load; the promise is at most 1.5 of the copy that is
synced at its end.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np

from segscope.convert import convert, read_layout


def make(folder: Path, cases: int, side: int) -> None:
    """One volume and label, under all names."""
    random = np.random.default_rng(0)
    volume = random.integers(-1000, 1000, (side,) * 3, dtype=np.int16)
    label = np.zeros((side,) * 3, np.uint8)
    label[5:20, 5:20, 5:20], label[8:12, 8:12, 8:12] = 1, 2
    folder.mkdir()
    for name, array in (("volume", volume), ("segmentation", label)):
        nib.save(nib.Nifti1Image(array, np.eye(4)), folder / f"{name}-0.nii.gz")
        for k in range(1, cases):
            shutil.copy(folder / f"{name}-0.nii.gz", folder / f"{name}-{k}.nii.gz")


def synced(source: str, target: str) -> str:
    shutil.copyfile(source, target)
    with Path(target).open("rb") as stream:
        os.fsync(stream.fileno())
    return target


def copy_then_sync(source: Path, target: Path) -> None:
    """What leaves a copy on the disk with the least of calls; a conversion ends so too."""
    shutil.copytree(source, target)
    os.sync()


def timed(work: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--side", type=int, default=64)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make(folder / "source", asked.cases, asked.side)
        lits = read_layout("lits")
        works: dict[str, Callable[[], object]] = {
            "copy": lambda: shutil.copytree(folder / "source", folder / "copy"),
            "copy, then sync": lambda: copy_then_sync(folder / "source", folder / "flushed"),
            "copy, synced": lambda: shutil.copytree(
                folder / "source", folder / "synced", copy_function=synced
            ),
            "convert": lambda: convert(folder / "source", folder / "one", lits),
            "convert --jobs 2": lambda: convert(folder / "source", folder / "two", lits, jobs=2),
            "convert --link": lambda: convert(folder / "source", folder / "links", lits, link=True),
        }
        took = {name: timed(work) for name, work in works.items()}
    size = f"{asked.side}^3"
    print(f"{asked.cases} cases of {size}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    copies = ("copy", "copy, then sync", "copy, synced")
    for name, (wall, cpu) in took.items():
        ratios = "  ".join(f"{wall / took[other][0]:6.2f} of a {other}" for other in copies)
        print(f"{name:18s} wall {wall:7.2f} s  cpu {cpu:7.2f} s  {ratios}")


if __name__ == "__main__":
    main()
