"""Whether a training with ``max_minutes`` ends when it should: volumes of 32^3 to 256^3, ten each.

Each training is the command ``segscope train`` in a process of its own, with the default recipe and
an empty cache. Wall time is what is promised. On a machine that others use too, ``--clock
processor`` gives the trainings the process's own seconds as their clock (one thread, no workers),
and those are compared: what others take does not count then.

    python benchmarks/bench_budget.py [--sides 32 64 128] [--minutes 0.5 1.0] [--clock processor]
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np

LABELS = {"background": 0, "ball": 1, "core": 2}
CLOCKS = {"wall": "", "processor": "import time; time.monotonic = time.process_time; "}
COMMAND = "import sys; from segscope.cli.main import main; sys.exit(main(sys.argv[1:]))"


def write_volumes(folder: Path, side: int, *, cases: int = 10) -> Path:
    """Bright balls with brighter cores on noise, as 16-bit integers."""
    if (folder / "dataset.json").exists():
        return folder
    rng = np.random.default_rng(side)
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True)
    axes = np.meshgrid(*(np.arange(side, dtype=np.float32),) * 3, indexing="ij", sparse=True)
    for k in range(cases):
        centre = side * rng.uniform(0.4, 0.6, 3)
        distance = sum((a - c) ** 2 for a, c in zip(axes, centre, strict=True)) ** 0.5
        label = (distance < 0.3 * side).astype(np.uint8) + (distance < 0.15 * side)
        noise = rng.normal(0, 15, label.shape).astype(np.float32)
        image = (400 + 100.0 * label + noise).astype(np.int16)
        for part, name, array in (
            ("imagesTr", f"c{k}_0000", image),
            ("labelsTr", f"c{k}", label.astype(np.uint8)),
        ):
            nib.save(nib.Nifti1Image(array, np.eye(4)), folder / part / f"{name}.nii.gz")
    facts = {"channel_names": {"0": "MR"}, "labels": LABELS, "numTraining": cases}
    (folder / "dataset.json").write_text(json.dumps({**facts, "file_ending": ".nii.gz"}))
    return folder


def train(data: Path, run: Path, minutes: float, clock: str) -> dict[str, str]:
    """One row: what was asked, what it took, and what came of it."""
    words = ["train", str(data), "-o", str(run), "--set", f"train.max_minutes={minutes}", "--json"]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", CLOCKS[clock] + COMMAND, *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "1000"},
    )
    wall = time.perf_counter() - started
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    if done.returncode:
        raise SystemExit(done.stderr)
    found = json.loads(done.stdout)
    rows = list(csv.DictReader((run / "log.csv").read_text().splitlines()))
    said = [line for line in done.stderr.splitlines() if line.startswith(("weights", "final"))]
    took = wall if clock == "wall" else processor
    dice = found["validation_dice"]
    return {
        "side": data.name,
        "asked s": f"{60 * minutes:.0f}",
        "wall s": f"{wall:.1f}",
        "processor s": f"{processor:.1f}",
        f"off % ({clock})": f"{100 * (took / 60 / minutes - 1):+.1f}",
        "epochs": str(found["epochs"]),
        "steps": str(found["steps"]),
        "last rate": f"{float(rows[-1]['learning_rate']):.1e}",
        "Dice": "-" if dice is None else f"{dice:.3f}",
        "said": " | ".join(said),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[32, 64, 128])
    parser.add_argument("--minutes", type=float, nargs="+", default=[0.5, 1.0])
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("-o", "--output", type=Path, default=None)
    given = parser.parse_args()
    folder = given.output or Path(tempfile.mkdtemp(prefix="bench_budget_"))
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {folder}", flush=True)
    for side in given.sides:
        data = write_volumes(folder / f"{side}", side)
        for minutes in given.minutes:
            row = train(data, folder / f"run_{side}_{minutes}", minutes, given.clock)
            print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)


if __name__ == "__main__":
    main()
