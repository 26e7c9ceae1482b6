"""Forward time of ANU-Net's levels at the paper's widths, 256 x 256, one channel.

    python benchmarks/bench_prune.py [--repeats 9] [--threads 2]

The levels take turns, so a busy moment falls on all of them. Modes: as it is (fp32), ``fast``
(batch norms folded, channels last; what `predict --fast` does), that in bfloat16, and both with
the images of a batch going through one by one (what prediction does on a processor). Prints the
median time per image and its ratio to L4; at the end the same for the fastest mode of every level.
"""

import argparse
import time
from statistics import median

import torch
from torch import Tensor

from segscope.networks import ANUNet, Segmenter, fold_batch_norms

MODES = ("fp32", "fast", "bf16 fast", "fast one by one", "bf16 fast one by one")


def forward(net: Segmenter, x: Tensor, mode: str) -> float:
    started = time.perf_counter()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled="bf16" in mode):
        for part in x.split(1) if "one by one" in mode else [x]:
            net(part)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description="forward time of pruned networks")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    full = ANUNet(2, 1, 1).eval()
    fastest: dict[int, list[list[float]]] = {1: [], 8: []}
    for mode in MODES:
        levels: list[Segmenter] = [full.prune(k) for k in (1, 2, 3, 4)]
        layout = torch.contiguous_format
        if "fast" in mode:
            layout = torch.channels_last
            levels = [fold_batch_norms(net).to(memory_format=layout) for net in levels]
        for batch in fastest:
            x = torch.randn(batch, 1, 256, 256).to(memory_format=layout)
            times: list[list[float]] = [[] for _ in levels]
            for turn in range(arguments.repeats + 1):
                for net, own in zip(levels, times, strict=True):
                    seconds = forward(net, x, mode)
                    if turn:
                        own.append(seconds / batch)
            middle = [median(own) for own in times]
            fastest[batch].append(middle)
            show(mode, batch, middle)
    for batch, found in fastest.items():
        show("fastest of each", batch, [min(column) for column in zip(*found, strict=True)])


def show(mode: str, batch: int, seconds: list[float]) -> None:
    cells = "  ".join(
        f"L{k + 1} {1000 * s:6.1f} ms ({s / seconds[3]:.2f})" for k, s in enumerate(seconds)
    )
    print(f"{mode:21s} batch {batch}  {cells}", flush=True)


if __name__ == "__main__":
    main()
