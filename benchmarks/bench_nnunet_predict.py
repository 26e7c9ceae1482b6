"""nnU-Net's folders: our command and nnU-Net's own predictor on the same images, one process each.

    python benchmarks/bench_nnunet_predict.py MODEL -i IMGS [--folds 0,1] [--no-mirror] [--turns N]

MODEL is a results folder, IMGS a folder of CASE_0000 files. Both read, prepare, predict and write
all cases on the processor, with as many threads as OMP_NUM_THREADS says; starting Python and
loading libraries is not counted. Prints processor and wall seconds (medians), the peak of memory
above what was held before, ratios to ours, and for every case the share of equal voxels and the
lowest Dice of a label. nnU-Net is left out, and this said, where it is not installed.
"""

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

from segscope.data import find_cases, read_label
from segscope.inference import OpenOptions, open_model, predict_cases

TOOLS = ("ours", "nnunet")


def ours(
    model: Path, images: Path, out: Path, folds: str | None, mirror: bool
) -> Callable[[], object]:
    def run() -> object:
        opened = open_model(model, OpenOptions(folds=folds))
        cases = find_cases(images, channels=opened.spec.file_channels)
        return predict_cases(opened, cases, out, mirror=None if mirror else False, anyway=True)

    return run


def nnunet(
    model: Path, images: Path, out: Path, folds: str | None, mirror: bool
) -> Callable[[], object]:
    os.environ.setdefault("nnUNet_def_n_proc", "1")
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    def run() -> object:
        predictor = nnUNetPredictor(
            use_mirroring=mirror, device=torch.device("cpu"), perform_everything_on_device=False,
            allow_tqdm=False,
        )  # fmt: skip
        chosen = None if folds is None else tuple(folds.split(","))
        predictor.initialize_from_trained_model_folder(str(model), chosen)
        out.mkdir()
        return predictor.predict_from_files_sequential(str(images), str(out))

    return run


MAKERS = {"ours": ours, "nnunet": nnunet}


def child(tool: str, asked: argparse.Namespace) -> None:
    """Run one tool and print what it took, as the last line."""
    out = Path(asked.out) / tool
    run = MAKERS[tool](asked.model, asked.input, out, asked.folds, not asked.no_mirror)
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    run()
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        json.dumps(
            {"cpu_s": cpu, "wall_s": wall, "mib": (after.ru_maxrss - before.ru_maxrss) / 1024}
        )
    )


def measured(tool: str, words: list[str]) -> dict[str, float]:
    code = [sys.executable, __file__, *words, "--tool", tool]
    done = subprocess.run(code, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def compared(place: Path) -> None:
    """Print how far two folders of label maps agree."""
    for file in sorted((place / "ours").iterdir()):
        other = place / "nnunet" / file.name
        if file.name == "manifest.json" or not other.is_file():
            continue
        one, two = read_label(file).array, read_label(other).array
        values = [value for value in np.unique(two) if value]
        dice = [
            2 * ((one == v) & (two == v)).sum() / ((one == v).sum() + (two == v).sum())
            for v in values
        ]
        print(f"  {file.name}: equal voxels {np.mean(one == two):.6f}, lowest Dice "
              f"{min(dice, default=1.0):.6f}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("-i", "--input", type=Path, required=True)
    parser.add_argument("--folds")
    parser.add_argument("--no-mirror", action="store_true")
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--tool", choices=TOOLS)
    parser.add_argument("--out")
    asked = parser.parse_args()
    if asked.tool:
        child(asked.tool, asked)
        return
    there = importlib.util.find_spec("nnunetv2") is not None
    tools = TOOLS if there else TOOLS[:1]
    if not there:
        print("nnU-Net is not installed: left out")
    found: dict[str, list[dict[str, float]]] = {tool: [] for tool in tools}
    for _ in range(asked.turns):
        with tempfile.TemporaryDirectory() as place:
            for tool in tools:  # in turn, so that a busy moment falls on both
                found[tool].append(measured(tool, [*sys.argv[1:], "--out", place]))
            compared(Path(place))
    base = {key: median(one[key] for one in found["ours"]) for key in ("cpu_s", "wall_s", "mib")}
    for tool in tools:
        own = {key: median(one[key] for one in found[tool]) for key in base}
        ratios = ", ".join(f"{key} x{own[key] / base[key]:.2f}" for key in base)
        print(f"{tool:7s} cpu {own['cpu_s']:.1f} s, wall {own['wall_s']:.1f} s, peak "
              f"{own['mib']:.0f} MiB above what was held ({ratios})")  # fmt: skip


if __name__ == "__main__":
    main()
