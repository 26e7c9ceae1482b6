"""Phantoms and datasets with known answers, made where a test needs them."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
from PIL import Image as PillowImage

from segscope.images import ChannelStatistics, Fingerprint

LABELS = {"background": 0, "ball": 1, "core": 2}


def fingerprint_3d(
    shape=(40, 48, 40), spacing=(1.0, 1.0, 1.0), labels=None, label_voxels=None
) -> Fingerprint:
    """A fingerprint of ten equal volumes."""
    labels = LABELS if labels is None else labels
    return Fingerprint(
        dataset="phantom",
        image_dims=len(shape),
        channels=(
            ChannelStatistics(
                name="MR",
                minimum=0.0,
                maximum=10.0,
                foreground_mean=5.0,
                foreground_sd=1.0,
                foreground_median=5.0,
                foreground_percentile_00_5=1.0,
                foreground_percentile_99_5=9.0,
            ),
        ),
        labels=labels,
        cases=tuple(f"case{k}" for k in range(10)),
        shapes=(tuple(shape),) * 10,
        spacings_mm=(tuple(spacing),) * 10,
        label_voxels=label_voxels or {0: 900, 1: 80, 2: 20},
        pcd_percent=10.0,
        cases_without_foreground=(),
    )


def fingerprint_2d(shape=(64, 64), label_voxels=None) -> Fingerprint:
    """A fingerprint of ten equal plane images with one label."""
    return fingerprint_3d(
        shape, (1.0,) * len(shape), {"background": 0, "disc": 1}, label_voxels or {0: 9, 1: 1}
    )


def ball(shape, centre, radius):
    """A boolean ball (disc in 2D) around a voxel."""
    axes = np.meshgrid(*(np.arange(s) for s in shape), indexing="ij")
    return sum((a - c) ** 2 for a, c in zip(axes, centre, strict=True)) <= radius**2


def write_volume_dataset(folder: Path, *, cases=6, shape=(24, 28, 20), seed=0) -> Path:
    """Bright balls with brighter cores on noise; an nnU-Net raw folder of NIfTI files."""
    rng = np.random.default_rng(seed)
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    for k in range(cases):
        centre = [int(s * rng.uniform(0.4, 0.6)) for s in shape]
        label = ball(shape, centre, min(shape) * 0.3).astype(np.uint8)
        label[ball(shape, centre, min(shape) * 0.15)] = 2
        image = (label * 100 + rng.normal(0, 15, shape)).astype(np.float32)
        affine = np.diag([1.0, 1.0, 1.5, 1.0])
        nib.save(nib.Nifti1Image(image, affine), folder / "imagesTr" / f"c{k}_0000.nii.gz")
        nib.save(nib.Nifti1Image(label, affine), folder / "labelsTr" / f"c{k}.nii.gz")
    _describe(folder, {"0": "MR"}, LABELS, ".nii.gz", cases)
    return folder


def write_plane_dataset(folder: Path, *, cases=6, shape=(48, 40), seed=0) -> Path:
    """Bright discs on noise; an nnU-Net raw folder of 8-bit PNG files."""
    rng = np.random.default_rng(seed)
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    for k in range(cases):
        centre = [int(s * rng.uniform(0.35, 0.65)) for s in shape]
        label = ball(shape, centre, min(shape) * 0.25).astype(np.uint8)
        image = np.clip(60 + label * 90 + rng.normal(0, 12, shape), 0, 255).astype(np.uint8)
        PillowImage.fromarray(image).save(folder / "imagesTr" / f"p{k}_0000.png")
        PillowImage.fromarray(label).save(folder / "labelsTr" / f"p{k}.png")
    _describe(folder, {"0": "grey"}, {"background": 0, "disc": 1}, ".png", cases)
    return folder


def _describe(folder, channels, labels, ending, cases):
    facts = {
        "channel_names": channels,
        "labels": labels,
        "numTraining": cases,
        "file_ending": ending,
    }
    (folder / "dataset.json").write_text(json.dumps(facts))
