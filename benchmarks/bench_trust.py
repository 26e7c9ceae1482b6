"""What trust costs a prediction: whole cases, from files to files, by mode.

python benchmarks/bench_trust.py RUN INPUT [CASES]

Processor time, so that a busy machine does not blur it; modes in turn, the lower of two rounds.
"""

import math
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from segscope.data import find_cases
from segscope.inference import OpenOptions, predict_cases
from segscope.workflows.predict_pieces import Model

MODES = ("off", "fast", "standard", "thorough")


def seconds(run: Path, mode: str, source: Path, count: int) -> float:
    by = Model(run, OpenOptions(device="cpu"), mode)
    model = by.load()
    cases = find_cases(source, channels=model.spec.file_channels)[:count]
    watch = by.watch(model, mirror=False)
    with TemporaryDirectory() as folder:
        began = time.process_time()
        predict_cases(model, cases, Path(folder), watch=watch, anyway=True)
        return (time.process_time() - began) / len(cases)


def main(run: Path, source: Path, count: int = 30) -> None:
    best = dict.fromkeys(MODES, math.inf)
    for _ in range(2):
        for mode in MODES:
            best[mode] = min(best[mode], seconds(run, mode, source, count))
    for mode, found in best.items():
        ratio = found / best["off"]
        print(f"{mode:10s} {1000 * found:8.1f} ms a case   {ratio:.2f} of off")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
