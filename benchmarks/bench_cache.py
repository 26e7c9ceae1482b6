"""How long it takes to prepare every case of a dataset, and how often the disk is waited for.

The hippocampus (volumes of 35 x 50 x 36) where it lies beside the checkout, and 2,000 grey PNG of
64 x 64 that are made here. The plan is measured first and not counted; reading, preparing, hashing
and writing are, and a second round that finds everything there. Run it with another checkout's
``PYTHONPATH`` to compare.

    python benchmarks/bench_cache.py [--data FOLDER ...] [--planes 2000] [--turns 3]
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from segscope.data import Cache, Dataset, measure_fingerprint, open_dataset
from segscope.preprocessing import Plan
from segscope.training import labelled, plan_recipe
from segscope.training.prepared import prepare_case

HIPPOCAMPUS = Path(__file__).parents[2] / "shared" / "data" / "hippocampus"
SYNCED: list[float] = []


def write_planes(folder: Path, count: int) -> Path:
    """Grey images with a bright square each."""
    rng = np.random.default_rng(0)
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True)
    for k in range(count):
        label = np.zeros((64, 64), np.uint8)
        top, left = rng.integers(4, 40, 2)
        label[top : top + 16, left : left + 16] = 1
        image = (60 + 100 * label + rng.integers(0, 30, label.shape)).astype(np.uint8)
        Image.fromarray(image).save(folder / "imagesTr" / f"p{k}_0000.png")
        Image.fromarray(label).save(folder / "labelsTr" / f"p{k}.png")
    facts = {"channel_names": {"0": "grey"}, "labels": {"background": 0, "square": 1}}
    facts |= {"numTraining": count, "file_ending": ".png"}
    (folder / "dataset.json").write_text(json.dumps(facts))
    return folder


def count_syncs() -> None:
    """Note how long each ``os.fsync`` takes."""
    real = os.fsync

    def timed(handle: int) -> None:
        began = time.perf_counter()
        real(handle)
        SYNCED.append(time.perf_counter() - began)

    os.fsync = timed  # type: ignore[assignment]


def prepare_all(dataset: Dataset, plan: Plan, folder: Path) -> tuple[float, int, float]:
    """Seconds, syncs, and the seconds that these took."""
    SYNCED.clear()
    cache, began = Cache(folder), time.perf_counter()
    for case in labelled(dataset):
        prepare_case(case, dataset, plan, cache)
    return time.perf_counter() - began, len(SYNCED), sum(SYNCED)


def measure(data: Path, turns: int, scratch: Path) -> None:
    """Print a row per dataset."""
    dataset = open_dataset(data)
    plan = plan_recipe(measure_fingerprint(dataset)).preprocessing
    rows, again = [], []
    for _ in range(turns):
        rows.append(prepare_all(dataset, plan, scratch / "cache"))
        again.append(prepare_all(dataset, plan, scratch / "cache")[0])
        files = [file.stat().st_size for file in (scratch / "cache").iterdir()]
        shutil.rmtree(scratch / "cache")
    seconds, syncs, waited = (median(column) for column in zip(*rows, strict=True))
    print(
        f"{data.name}: {len(labelled(dataset))} cases, made in {seconds:.2f} s of which fsync "
        f"{waited:.2f} s ({syncs:.0f} calls), found again in {median(again):.2f} s; "
        f"{len(files)} files, {sum(files) / 1e6:.1f} MB",
        flush=True,
    )


def main() -> None:
    """Measure every dataset."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="*", default=[HIPPOCAMPUS])
    parser.add_argument("--planes", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    count_syncs()
    with tempfile.TemporaryDirectory() as scratch:
        planes = write_planes(Path(scratch) / "planes", arguments.planes)
        for data in (*arguments.data, planes):
            if data.is_dir():
                measure(data, arguments.turns, Path(scratch))
            else:
                print(f"{data}: not here, left out")


if __name__ == "__main__":
    main()
