"""Prototype segmentation against the literal algorithm, the plain forward pass and plain step.

    python benchmarks/bench_protoseg.py [--side 256] [--batch 2] [--repeats 5]

All on the paper's U-Net (widths 64 to 1024), whose 18 layers are read, on random weights and data:
the work does not depend on them. Each pair takes turns in one process; medians.

1. maps of all layers: literally (every channel upsampled, squared distances, softmax) and ours
2. a whole audit (maps of all layers, their chance, units of the last two, mu) and a forward pass
3. a training step with the online loss, ours and literal, and a plain one

Memory is the highest resident size above the one at the start, read from the kernel.
"""

import argparse
import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import torch
from torch import Tensor
from torch.nn import functional

from segscope.audit import audit
from segscope.features import FeatureHooks, segmentation_ability_map
from segscope.losses import PrototypeLoss, cross_entropy, soft_dice
from segscope.networks import UNet

STATUS = Path("/proc/self/status")

# memory that is freed goes back at once, so that the highest size is what was in use
_PROMPT = os.environ | {
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "0",
    "MALLOC_ARENA_MAX": "1",
}


def literal(features: Tensor, guide: Tensor) -> Tensor:
    full = functional.interpolate(features, guide.shape[2:], mode="bilinear", align_corners=False)

    def distance(weight: Tensor) -> Tensor:
        centre = (full * weight).sum((2, 3), True) / weight.sum((2, 3), True)
        return (full - centre).pow(2).sum(1, keepdim=True)

    both = torch.cat([-distance(1 - guide), -distance(guide)], 1)
    return both.softmax(1)[:, 1:]


def kilobytes(name: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1])


def peak_mb(work: Callable[[], object]) -> float:
    gc.collect()
    before = kilobytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the highest resident size so far
    work()
    return (kilobytes("VmHWM") - before) / 1024


def in_turns(repeats: int, *works: Callable[[], object]) -> list[float]:
    times: list[list[float]] = [[] for _ in works]
    for turn in range(repeats + 1):
        for work, own in zip(works, times, strict=True):
            started = time.perf_counter()
            work()
            if turn:
                own.append(time.perf_counter() - started)
    return [median(own) for own in times]


def compare_maps(features: Sequence[Tensor], guide: Tensor, repeats: int) -> None:
    def ours() -> list[Tensor]:
        return [segmentation_ability_map(f, guide) for f in features]

    def theirs() -> list[Tensor]:
        return [literal(f, guide) for f in features]

    slow, fast = in_turns(repeats, theirs, ours)
    errors = {"ours": [0.0, 0], "literal": [0.0, 0]}
    for f, a, b in zip(features, ours(), theirs(), strict=True):
        exact = literal(f.double(), guide.double())
        for name, found in (("ours", a), ("literal", b)):
            errors[name][0] = max(errors[name][0], float((found - exact).abs().max()))
            errors[name][1] += int(((found > 0.5) != (exact > 0.5)).sum())
    memory = peak_mb(theirs), peak_mb(ours)
    print(f"1. maps of {len(features)} layers: literal {slow:.3f} s, ours {fast:.4f} s, "
          f"{slow / fast:.0f} times faster")  # fmt: skip
    print(f"   peak memory: literal {memory[0]:.0f} MiB, ours {memory[1]:.1f} MiB")
    total = len(features) * guide.numel()
    for name, (worst, differing) in errors.items():
        print(f"   {name} in float32 against the literal form in float64: p differs by up to "
              f"{worst:.1e}, the map in {differing} of {total} voxels")  # fmt: skip


def compare_audit(net: UNet, x: Tensor, repeats: int) -> None:
    cases = [(str(k), image, None) for k, image in enumerate(x)]

    def forward() -> None:
        with torch.inference_mode():
            for image in x:
                net(image[None])

    forward()  # torch fetches its own workspace once
    plain, whole = in_turns(repeats, forward, lambda: audit(net, cases))
    print(f"2. audit {whole:.3f} s, forward pass {plain:.3f} s, ratio {whole / plain:.2f}")


def compare_memory(arguments: argparse.Namespace) -> None:
    """Measure each in a process of its own: what an allocator keeps would blur the difference."""
    words = [sys.executable, __file__, "--side", str(arguments.side), "--widths"]
    words += [str(width) for width in arguments.widths]
    found = {}
    for kind in ("forward", "audit", "low_memory"):
        command = [*words, "--memory", kind]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=_PROMPT)
        found[kind] = float(done.stdout)
    print("   peak of one image above the loaded network: " + ", ".join(
        f"{kind} {value:.0f} MiB ({value / found['forward']:.2f})" for kind, value in found.items()
    ))  # fmt: skip


def measure_memory(net: UNet, x: Tensor, kind: str) -> float:
    cases = [("a", x[0], None)]
    with torch.inference_mode():
        net(x[:1, :, :32, :32])  # torch fetches its own workspace once
    if kind == "forward":
        with torch.inference_mode():
            return peak_mb(lambda: net(x[:1]))
    return peak_mb(lambda: audit(net, cases, low_memory=kind == "low_memory"))


def compare_steps(net: UNet, x: Tensor, repeats: int) -> None:
    target = (torch.rand(len(x), 1, *x.shape[2:]) > 0.7).long()
    optimizer = torch.optim.Adam(net.parameters(), 1e-4)
    online = PrototypeLoss()

    def step(kind: str) -> None:
        with FeatureHooks(net, "auto") as hooks:
            logits = net(x)
            loss = cross_entropy(logits, target)
            features = list(hooks.features.values())
            if kind == "ours":
                loss = loss + online(logits, target, features=features)
            elif kind == "literal":
                guide = torch.sigmoid(logits)
                maps = [1 - soft_dice(literal(f, guide), target.float()) for f in features]
                loss = loss + torch.stack(maps).mean()
            hooks.features.clear()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    net.train()
    plain, ours, slow = in_turns(
        repeats, lambda: step("plain"), lambda: step("ours"), lambda: step("literal")
    )
    print(f"3. training step: plain {plain:.3f} s, with the online loss {ours:.3f} s, ratio "
          f"{ours / plain:.2f}; literal {slow:.3f} s, ratio {slow / plain:.2f}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="prototype segmentation against its peers")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 128, 256, 512, 1024])
    parser.add_argument("--memory", choices=["forward", "audit", "low_memory"])
    arguments = parser.parse_args()
    torch.manual_seed(0)
    net = UNet(2, 1, 1, widths=arguments.widths).eval()
    x = torch.randn(arguments.batch, 1, arguments.side, arguments.side)
    if arguments.memory:
        print(measure_memory(net, x, arguments.memory))
        return
    with torch.inference_mode(), FeatureHooks(net, "auto") as hooks:
        guide = torch.sigmoid(net(x))
    features = list(hooks.features.values())
    with torch.inference_mode():
        compare_maps(features, guide, arguments.repeats)
    del features
    hooks.features.clear()
    compare_audit(net, x, arguments.repeats)
    compare_memory(arguments)
    compare_steps(net, x, arguments.repeats)


if __name__ == "__main__":
    main()
