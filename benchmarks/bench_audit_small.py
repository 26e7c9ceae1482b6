"""The audit of small networks beside their bare forward pass: processor time and memory.

    python benchmarks/bench_audit_small.py [NAME ...] [--classes 1 4 10] [--repeats 5]

Networks whose pass takes a tenth of a second show what an audit costs beside it: MONAI's BasicUNet
(32 to 256 channels) at 192 x 192 and 96 x 96 x 96, our U-Net with 16 to 128 channels, the paper's
U-Net (64 to 1024). Random weights and images, truth given, units of the last two layers; audit and
pass take turns in one process on one thread; medians of processor time. Memory is the highest
resident size above the loaded network, each in a process of its own.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

import torch
from bench_protoseg import _PROMPT, peak_mb
from torch import Tensor, nn

from segscope.audit import audit
from segscope.networks import UNet

Case = tuple[str, Tensor, Tensor]


def basic(dims: int) -> Callable[[int], nn.Module]:
    def make(classes: int) -> nn.Module:
        from monai.networks.nets import BasicUNet

        return BasicUNet(dims, 1, classes)

    return make


NETWORKS: dict[str, tuple[Callable[[int], nn.Module], tuple[int, ...]]] = {
    "basic-192x192": (basic(2), (192, 192)),
    "ours-192x192": (lambda classes: UNet(2, 1, classes, widths=(16, 32, 64, 128)), (192, 192)),
    "paper-256x256": (lambda classes: UNet(2, 1, classes, widths=(64, 128, 256, 512, 1024)),
                      (256, 256)),
    "basic-96x96x96": (basic(3), (96, 96, 96)),
}  # fmt: skip


def setting(name: str, classes: int) -> tuple[nn.Module, list[Case]]:
    torch.manual_seed(0)
    make, shape = NETWORKS[name]
    truth = torch.randint(0, max(2, classes), (1, *shape))
    return make(classes).eval(), [("a", torch.randn(1, *shape), truth)]


def forward(net: nn.Module, cases: list[Case]) -> None:
    with torch.inference_mode():
        for _, image, _ in cases:
            net(image[None])


def compare_time(name: str, classes: int, repeats: int) -> tuple[float, float]:
    net, cases = setting(name, classes)
    works: list[Callable[[], object]] = [lambda: forward(net, cases), lambda: audit(net, cases)]
    times: list[list[float]] = [[], []]
    for turn in range(repeats + 1):
        for work, own in zip(works, times, strict=True):
            started = time.process_time()
            work()
            if turn:
                own.append(time.process_time() - started)
    return median(times[0]), median(times[1])


def memory(name: str, classes: int, kind: str) -> float:
    words = [sys.executable, __file__, name, "--classes", str(classes), "--memory", kind]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=_PROMPT)
    return float(done.stdout)


def measure_memory(name: str, classes: int, kind: str) -> float:
    net, cases = setting(name, classes)
    small = [("a", image[(slice(None), *(slice(0, 32),) * (image.ndim - 1))],
              truth[(slice(None), *(slice(0, 32),) * (truth.ndim - 1))])
             for _, image, truth in cases]  # fmt: skip
    work = forward if kind == "forward" else audit
    work(net, small)  # libraries are loaded, and fetch their workspace
    return peak_mb(lambda: work(net, cases))


def main() -> None:
    parser = argparse.ArgumentParser(description="audit of small networks")
    parser.add_argument("names", nargs="*", default=list(NETWORKS), metavar="NAME")
    parser.add_argument("--classes", type=int, nargs="+", default=[1, 4, 10])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory", choices=["forward", "audit"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.memory:
        name, classes = arguments.names[0], arguments.classes[0]
        print(measure_memory(name, classes, arguments.memory))
        return
    for name in arguments.names:
        for classes in arguments.classes:
            plain, whole = compare_time(name, classes, arguments.repeats)
            low, high = (memory(name, classes, kind) for kind in ("forward", "audit"))
            print(f"{name:15s} {classes:2d} classes: pass {plain * 1e3:7.0f} ms, audit "
                  f"{whole * 1e3:7.0f} ms, ratio {whole / plain:.2f}; memory {low:5.0f} and "
                  f"{high:5.0f} MiB, ratio {high / low:.2f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
