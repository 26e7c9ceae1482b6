"""One network on whole volumes: our predictor, MONAI's and nnU-Net's, each in a process of its own.

    python benchmarks/bench_predict.py [--shape 256,256,160] [--patch 64,64,64] [--turns 1]

A U-Net with random weights (the same in all) labels a volume of random values: windows overlap by
half and are weighted by a Gaussian, and the likeliest class is taken. Ours also prepares the image,
as its command does. Without --shape two sizes are measured: 36 x 50 x 35, as a cropped
hippocampus has, and 256 x 256 x 160. (Volumes smaller than a window are padded by their border
here and by zeros there, so some labels of the first differ.) Prints processor and wall seconds
(medians), the peak of memory above what was held before, ratios to ours, and the share of equal
voxels.
nnU-Net is left out, and this said, where it is not installed.
"""

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segscope.images import Grid, Image
from segscope.inference import ModelSpec, NetworkSpec, TrainedModel, predict_labels
from segscope.networks import Segmenter, build_network
from segscope.preprocessing import ChannelPlan, Plan

CLASSES, WIDTHS = 3, (16, 32, 64, 128)
SIZES = {"hippocampus": ((36, 50, 35), (40, 56, 40)), "head": ((256, 256, 160), (64, 64, 64))}
TOOLS = ("ours", "monai", "nnunet")
Labels = NDArray[np.integer]


def the_network() -> Segmenter:
    torch.manual_seed(0)
    return build_network("unet", 3, 1, CLASSES, widths=WIDTHS).eval()


def the_volume(shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def ours(net: Segmenter, volume: NDArray[np.float32], patch: tuple[int, ...]) -> Labels:
    spec = ModelSpec(
        network=NetworkSpec(name="unet", spatial_dims=3, in_channels=1, out_channels=CLASSES,
                            options={"widths": list(WIDTHS)}),
        plan=Plan(image_dims=3, spatial_dims=3,
                  channels=(ChannelPlan(name="MR", scheme="none"),), crop=False),
        patch=patch,
        labels={"background": 0, "a": 1, "b": 2},
        channel_names=("MR",),
        file_ending=".nii.gz",
    )  # fmt: skip
    image = Image(volume[None], Grid(volume.shape, np.eye(4)))
    return predict_labels(TrainedModel(spec, net), image).array


def monai(net: Segmenter, volume: NDArray[np.float32], patch: tuple[int, ...]) -> Labels:
    from monai.inferers import SlidingWindowInferer

    infer = SlidingWindowInferer(patch, sw_batch_size=4, overlap=0.5, mode="gaussian")
    with torch.inference_mode():
        logits = infer(torch.from_numpy(volume)[None, None], net)
    assert isinstance(logits, Tensor)
    return logits[0].argmax(0).to(torch.uint8).numpy()


def nnunet(net: Segmenter, volume: NDArray[np.float32], patch: tuple[int, ...]) -> Labels:
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(
        use_mirroring=False, perform_everything_on_device=False, device=torch.device("cpu")
    )
    predictor.network = net
    predictor.configuration_manager = SimpleNamespace(patch_size=list(patch))
    predictor.label_manager = SimpleNamespace(num_segmentation_heads=CLASSES)
    predictor.allowed_mirroring_axes = None
    logits = predictor.predict_sliding_window_return_logits(torch.from_numpy(volume)[None])
    return logits.argmax(0).to(torch.uint8).numpy()


def child(tool: str, shape: tuple[int, ...], patch: tuple[int, ...], out: Path) -> None:
    """Predict once with one tool, in this process, and print what it took."""
    predict: Callable[..., Labels] = {"ours": ours, "monai": monai, "nnunet": nnunet}[tool]
    net, volume = the_network(), the_volume(shape)
    predict(net, the_volume((16, 16, 16)), (16, 16, 16))  # imports, and first calls of kernels
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    labels = predict(net, volume, patch)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    np.save(out, labels)
    print(json.dumps({"wall": wall, "cpu": cpu, "gib": (peak - before) / 2**20}))


def measure(
    tool: str, shape: tuple[int, ...], patch: tuple[int, ...], out: Path
) -> dict[str, float]:
    words = [sys.executable, "-W", "ignore", __file__, "--child", tool, "--out", str(out)]
    words += ["--shape", ",".join(map(str, shape)), "--patch", ",".join(map(str, patch))]
    said = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, float] = json.loads(said.strip().splitlines()[-1])
    return found


def compare(name: str, shape: tuple[int, ...], patch: tuple[int, ...], turns: int) -> None:
    tools = [t for t in TOOLS if t != "nnunet" or importlib.util.find_spec("nnunetv2")]
    if "nnunet" not in tools:
        print("nnU-Net is not installed, and left out")
    with tempfile.TemporaryDirectory() as folder:
        files = {tool: Path(folder) / f"{tool}.npy" for tool in tools}
        took: dict[str, list[dict[str, float]]] = {tool: [] for tool in tools}
        for _ in range(turns):
            for tool in tools:
                took[tool].append(measure(tool, shape, patch, files[tool]))
        found = {tool: np.load(file) for tool, file in files.items()}
    print(f"{name}: {' x '.join(map(str, shape))}, patch {' x '.join(map(str, patch))}, "
          f"{torch.get_num_threads()} threads, {turns} turns")  # fmt: skip
    middle = {
        tool: {key: median(one[key] for one in rows) for key in rows[0]}
        for tool, rows in took.items()
    }
    mine = middle["ours"]
    print(
        f"{'':10s} {'cpu s':>8s} {'wall s':>8s} {'GiB':>6s} {'cpu/ours':>9s} {'GiB/ours':>9s} equal"
    )
    for tool, one in middle.items():
        equal = float((found[tool] == found["ours"]).mean())
        print(f"{tool:10s} {one['cpu']:8.2f} {one['wall']:8.2f} {one['gib']:6.2f} "
              f"{one['cpu'] / mine['cpu']:9.2f} {one['gib'] / max(mine['gib'], 1e-3):9.2f} "
              f"{equal:.6f}", flush=True)  # fmt: skip


def sides(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", type=sides)
    parser.add_argument("--patch", type=sides, default=(64, 64, 64))
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--child", choices=TOOLS)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if asked.child:
        child(asked.child, asked.shape, asked.patch, asked.out)
        return
    sizes = {"asked": (asked.shape, asked.patch)} if asked.shape else SIZES
    for name, (shape, patch) in sizes.items():
        compare(name, shape, patch, asked.turns)


if __name__ == "__main__":
    main()
