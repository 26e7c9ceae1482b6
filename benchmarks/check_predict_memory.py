"""Peak memory of predicting a body of 512 x 512 x 400 voxels with ten classes.

    python benchmarks/check_predict_memory.py [--spacing 1.0] [--widths 16,32,64,128] [--peer]

The volume is written as a .nii.gz of 0.8 x 0.8 x 1 mm, and a U-Net with random weights predicts it
through the command, in a process of its own whose peak is asked of the system. ``--spacing`` is the
grid on which the network works in mm; without it that is the file's own, the largest there is.
``--peer`` also runs MONAI's sliding window on the prepared image and takes the likeliest class,
as a plain program would. The promise is less than 4 GiB.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import torch

from segscope.inference import ModelSpec, NetworkSpec, load_model, save_model
from segscope.networks import build_network
from segscope.preprocessing import ChannelPlan, Plan

SHAPE, SPACING, CLASSES = (512, 512, 400), (0.8, 0.8, 1.0), 10
OVERLAP = 0.25

CHILD = """
import resource, sys, time
from segscope.cli.main import main
started = time.perf_counter()
try:
    main(sys.argv[1:])
except SystemExit as ended:
    code = ended.code
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(f"peak {peak:.2f} GiB, {time.perf_counter() - started:.0f} s, exit code {code}")
"""


def write_run(folder: Path, widths: tuple[int, ...], spacing: float | None, patch: int) -> None:
    """A run's folder with random weights."""
    spec = ModelSpec(
        network=NetworkSpec(
            name="unet",
            spatial_dims=3,
            in_channels=1,
            out_channels=CLASSES,
            options={"widths": list(widths)},
        ),
        plan=Plan(
            image_dims=3,
            spatial_dims=3,
            orientation="RAS",
            channels=(ChannelPlan(name="CT"),),
            spacing_mm=None if spacing is None else (spacing,) * 3,
        ),
        patch=(patch,) * 3,
        labels={"background": 0, **{f"organ {k}": k for k in range(1, CLASSES)}},
        channel_names=("CT",),
        file_ending=".nii.gz",
    )
    torch.manual_seed(0)
    save_model(folder, spec, build_network("unet", 3, 1, CLASSES, widths=widths), name="best")


def write_volume(file: Path) -> None:
    """Smooth values of 16 bits, slice by slice."""
    x, y = np.meshgrid(*(np.linspace(-3, 3, n) for n in SHAPE[:2]), indexing="ij")
    volume = np.empty(SHAPE, np.int16)
    for k in range(SHAPE[2]):
        volume[..., k] = 500 * np.sin(x * 2 + k / 30) * np.cos(y * 3) + 100
    nib.save(nib.Nifti1Image(volume, np.diag([*SPACING, 1.0])), file)


def peer(folder: Path, run: Path, image: Path) -> None:
    """MONAI's way, in this process."""
    from monai.inferers.utils import sliding_window_inference

    model = load_model(run)
    volume = np.asarray(nib.load(image).dataobj, np.float32)  # type: ignore[attr-defined]
    x = torch.from_numpy((volume - volume.mean()) / volume.std())[None, None]
    patch = model.run_spec.patch
    assert patch is not None  # a run has one
    started = time.perf_counter()
    with torch.inference_mode():
        found = sliding_window_inference(x, patch, 1, model.net, overlap=OVERLAP, mode="gaussian")
        labels = found.argmax(1)  # type: ignore[union-attr]
    np.save(folder / "peer.npy", labels.numpy().astype(np.uint8))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"MONAI: peak {peak:.2f} GiB, {time.perf_counter() - started:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description="peak memory of a large prediction")
    parser.add_argument("--spacing", type=float, help="mm; the file's own by default")
    parser.add_argument("--widths", default="8,16,32,64")
    parser.add_argument("--patch", type=int, default=96)
    parser.add_argument("--peer", action="store_true")
    arguments = parser.parse_args()
    widths = tuple(int(width) for width in arguments.widths.split(","))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "images").mkdir()
        image = folder / "images" / "body_0000.nii.gz"
        write_run(folder / "run", widths, arguments.spacing, arguments.patch)
        write_volume(image)
        words = ["predict", folder / "run", "-i", folder / "images", "-o", folder / "out"]
        subprocess.run(
            [sys.executable, "-c", CHILD, *map(str, words), "--overlap", str(OVERLAP)], check=True
        )
        if arguments.peer:
            peer(folder, folder / "run", image)


if __name__ == "__main__":
    main()
