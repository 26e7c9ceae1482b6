"""Mean Dice over 256 thresholds: one pass of histograms against the loop over thresholds.

python benchmarks/bench_mean_dice.py [--side 512] [--repeats 20]
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from numpy.typing import NDArray

from segscope.explain import mean_dice


def loop(heatmap: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
    found = []
    for threshold in range(256):
        above = heatmap > threshold
        total = above.sum() + mask.sum()
        found.append(2 * (above & mask).sum() / total if total else 1.0)
    return float(np.mean(found))


def seconds(work: Callable[[], float]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description="mean Dice against the loop over thresholds")
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    shape = (arguments.side, arguments.side)
    heatmap = random.integers(0, 256, shape).astype(np.uint8)
    mask = random.random(shape) < 0.2
    turns = [
        (seconds(lambda: loop(heatmap, mask)), seconds(lambda: mean_dice(heatmap, mask)))
        for _ in range(arguments.repeats)
    ]
    slow, fast = (median(column) for column in zip(*turns, strict=True))
    apart = abs(loop(heatmap, mask) - mean_dice(heatmap, mask))
    print(f"loop {1000 * slow:.1f} ms, ours {1000 * fast:.3f} ms, {slow / fast:.0f} times faster")
    print(f"difference {apart:.1e}")


if __name__ == "__main__":
    main()
