"""Whether the memory of a training is foretold: what it adds to the process beside the estimate.

Each setting trains a few steps on made samples in a process of its own (float32, AdamW, dice_ce),
which says by how much its peak (``ru_maxrss``) rose above what was held with everything imported
and warmed up. Prints foretold and measured GiB and their ratio; fails beyond a fifth.

    python benchmarks/check_memory.py [--most GIB] [--steps 3]
"""

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path

import torch

from segscope.inference import NetworkSpec
from segscope.losses import DeepSupervisionLoss, build_loss
from segscope.networks import Segmenter, build_network
from segscope.training.memory import step_memory_gb
from segscope.training.recipe import TrainRecipe
from segscope.training.segmentation import make_optimizer

W16 = [16, 32, 64, 128]
GRID = (
    # network, widths, patch, batch, deep supervision
    ("unet", W16, [128, 128], 2, True),
    ("unet", W16, [256, 256], 1, True),
    ("unet", [*W16, 256], [256, 256], 4, True),
    ("unet", [*W16, 256], [256, 256], 8, True),
    ("anunet", [*W16, 256], [128, 128], 4, True),
    ("anunet", [*W16, 256], [128, 128], 4, False),
    ("unet", W16, [40, 56, 40], 1, True),
    ("unet", W16, [40, 56, 40], 2, True),
    ("unet", W16, [40, 56, 40], 8, True),
    ("anunet", W16, [32, 48, 32], 2, True),
    ("anunet", W16, [32, 48, 32], 2, False),
    ("unet", [*W16, 256], [96, 96, 96], 2, True),
    ("unet", [*W16, 256], [128, 128, 128], 1, True),
)
CLASSES = 3


def held() -> int:
    """Bytes that the process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


Made = tuple[Segmenter, tuple[float, ...] | None, torch.optim.Optimizer]


def train(
    network: str, widths: list[int], patch: list[int], batch: int, deep: bool, steps: int
) -> None:
    """Print how many bytes a few steps add at their fullest."""
    dims = len(patch)

    def step(made: Made, size: int, sides: list[int]) -> None:
        net, weights, optimizer = made
        x, y = torch.randn(size, 1, *sides), torch.randint(0, CLASSES, (size, 1, *sides))
        DeepSupervisionLoss(build_loss("dice_ce"), weights=weights)(net.heads(x), y).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 12.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def make(wide: list[int]) -> Made:
        net = build_network(network, dims, 1, CLASSES, widths=wide, norm="instance")
        weights = None if deep else (*([0.0] * (net.head_count - 1)), 1.0)
        settings = TrainRecipe(epochs=1, steps_per_epoch=1, batch_size=1)
        return net, weights, make_optimizer(net, settings)

    step(make([2] * len(widths)), 1, [32] * dims)  # libraries and their own buffers
    before = held()
    made = make(widths)
    for _ in range(steps):
        step(made, batch, patch)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(peak - before))


def main() -> None:
    """Compare all settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=float, default=4.0, help="leave out what needs more GiB")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        network, widths, patch, batch, deep = json.loads(arguments.one)
        train(network, widths, patch, batch, deep, arguments.steps)
        return
    worst = 0.0
    for network, widths, patch, batch, deep in GRID:
        options = {"widths": widths, "norm": "instance"}
        spec = NetworkSpec(
            name=network,
            spatial_dims=len(patch),
            in_channels=1,
            out_channels=CLASSES,
            options=options,
        )
        foretold = step_memory_gb(spec, patch, batch, deep_supervision=deep)
        if foretold > arguments.most:
            continue
        setting = json.dumps([network, widths, patch, batch, deep])
        command = [sys.executable, __file__, "--one", setting, "--steps", str(arguments.steps)]
        measured = int(subprocess.check_output(command)) / 2**30
        worst = max(worst, foretold / measured, measured / foretold)
        heads = "all heads" if deep else "last head"
        print(
            f"{network:8} {'x'.join(map(str, patch)):12} batch {batch} widths to {widths[-1]:3} "
            f"{heads}: foretold {foretold:.2f}, measured {measured:.2f}, "
            f"ratio {foretold / measured:.2f}",
            flush=True,
        )
    sys.exit(f"foretold wrong by a factor of {worst:.2f}" if worst > 1.2 else 0)


if __name__ == "__main__":
    main()
