"""Forward time of ANU-Net's levels at the paper's widths, 256 x 256, one channel.

    python benchmarks/bench_prune.py [--repeats 9] [--threads 2]

The levels take turns, so a busy moment falls on all of them. Modes: as it is (fp32), channels_last,
and bfloat16 autocast with channels_last. Prints the median time per image and its ratio to L4.
"""

import argparse
import time
from statistics import median

import torch
from torch import Tensor

from segscope.networks import ANUNet

MODES = ("fp32", "channels_last", "bf16 channels_last")


def forward(net: ANUNet, x: Tensor, mode: str) -> float:
    started = time.perf_counter()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled="bf16" in mode):
        net(x)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description="forward time of pruned networks")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    full = ANUNet(2, 1, 1).eval()
    for mode in MODES:
        layout = torch.channels_last if "channels_last" in mode else torch.contiguous_format
        levels = [full.prune(k).to(memory_format=layout) for k in (1, 2, 3, 4)]
        for batch in (1, 8):
            x = torch.randn(batch, 1, 256, 256).to(memory_format=layout)
            times: list[list[float]] = [[] for _ in levels]
            for turn in range(arguments.repeats + 1):
                for net, found in zip(levels, times, strict=True):
                    seconds = forward(net, x, mode)
                    if turn:
                        found.append(seconds / batch)
            middle = [median(found) for found in times]
            cells = "  ".join(
                f"L{k + 1} {1000 * m:6.1f} ms ({m / middle[3]:.2f})" for k, m in enumerate(middle)
            )
            print(f"{mode:20s} batch {batch}  {cells}", flush=True)


if __name__ == "__main__":
    main()
