"""A run's network as a MONAI bundle: its plan in MONAI's transforms, checked by MONAI's parser."""

import copy
import importlib
import json
import warnings
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from segscope import __version__
from segscope.data import atomic_path, read_image, write_image, write_text
from segscope.errors import InputError, WorkError
from segscope.images import Grid, Image
from segscope.inference.export.described import card
from segscope.inference.model import TrainedModel
from segscope.inference.predict import predict_labels
from segscope.preprocessing import ChannelPlan, Plan

_SCHEMA = (
    "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/"
    "meta_schema_20240725.json"
)
_LEAST = 0.999  # of voxels that must be labelled alike
_SIDES = (48, 40, 36)


def write_bundle(folder: Path, model: TrainedModel) -> float:
    """Write a bundle, and let MONAI's own parser label a made image by it.

    Args:
        folder: New.
        model: To write.

    Returns:
        Share of voxels that are labelled as by the run.

    Raises:
        InputError: The plan does what MONAI's transforms cannot say; each part is named.
        WorkError: The bundle labels the image otherwise than the run.
    """
    before = transforms_of(model.run_spec.plan)
    for name in ("configs", "models", "docs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    net = copy.deepcopy(model.net).cpu().eval()
    with atomic_path(folder / "models" / "model.pt") as temporary:
        torch.save(net.state_dict(), temporary)
    _write(folder / "configs" / "metadata.json", _metadata(model))
    _write(folder / "configs" / "inference.json", _inference(model, before))
    used = "`python -m monai.bundle run` with `configs/inference.json`; segscope predict takes the "
    apart = (
        "It is a MONAI bundle. Where an image is resampled MONAI takes values at other places than "
        "segscope (Spacingd keeps the first voxel's middle), so borders differ a little."
    )
    text = card(model, what=apart, used=f"{used}folder as it is.")
    write_text(folder / "docs" / "README.md", text)
    return check_bundle(folder, model)


def transforms_of(plan: Plan) -> list[dict[str, Any]]:
    """Say a plan in MONAI's words.

    Raises:
        InputError: These cannot say it; each part is named.
    """
    faults = [said for wrong, said in _unsaid(plan) if wrong]
    normalised = _normalised(plan.channels, faults)
    if faults:
        raise InputError("--to monai: MONAI's transforms cannot say what this plan does:", faults)
    found: list[dict[str, Any]] = [
        {"_target_": "LoadImaged", "keys": "image"},
        {"_target_": "EnsureChannelFirstd", "keys": "image"},
    ]
    if plan.orientation is not None:
        found.append({"_target_": "Orientationd", "keys": "image", "axcodes": plan.orientation})
    # normalised first, as the plan does: the statistics are those of measured voxels
    found += normalised
    if plan.spacing_mm is not None:
        spacing = list(plan.spacing_mm)
        found.append(
            {"_target_": "Spacingd", "keys": "image", "pixdim": spacing, "mode": "bilinear"}
        )
    return [*found, {"_target_": "EnsureTyped", "keys": "image"}]


def _unsaid(plan: Plan) -> list[tuple[bool, str]]:
    """What MONAI has no transform for, or another rule."""
    resamples = plan.spacing_mm is not None
    return [
        (plan.image_dims == 2, "plane images, whose axes MONAI's reader turns"),
        (plan.slice_axis is not None, "slice_axis: a 2D network on slices of volumes"),
        (plan.crop, "crop: to what differs from the border's most common value"),
        (plan.crop_mm is not None, "crop_mm: to the middle of the image"),
        (plan.resize is not None, "resize: to a fixed shape in the plane"),
        (resamples and plan.interpolation == "cubic", "interpolation: cubic"),
        (resamples and plan.through_plane == "nearest", "through_plane: nearest"),
    ]


def _normalised(channels: tuple[ChannelPlan, ...], faults: list[str]) -> list[dict[str, Any]]:
    """One transform for all channels: MONAI has none of single ones."""
    plain = {one.model_copy(update={"name": ""}) for one in channels}
    first = channels[0]
    if first.nonzero_only:
        faults.append(f"channel {first.name}: nonzero_only, by the border's most common value")
    if first.scheme == "zscore":
        own = {one.scheme for one in channels} == {"zscore"}
        if own:
            return [_of("NormalizeIntensityd", channel_wise=True)]
    if len(plain) > 1:
        faults.append("channels that are normalised each in another way")
        return []
    if first.scheme == "none":
        return []
    if first.scheme in ("window", "rescale"):
        lower, upper = first.window()
        clip = first.scheme == "window"
        return [_of("ScaleIntensityRanged", a_min=lower, a_max=upper, b_min=0, b_max=1, clip=clip)]
    if first.scheme == "ct":
        (lower, upper), (mean, sd) = first.window(), first.foreground()
        clipped = _of("ScaleIntensityRanged", a_min=lower, a_max=upper, b_min=lower, b_max=upper,
                      clip=True)  # fmt: skip
        count = len(channels)
        return [clipped, _of("NormalizeIntensityd", subtrahend=[mean] * count, divisor=[sd] * count,
                             channel_wise=True)]  # fmt: skip
    if first.scheme == "own_range":
        return [_of("ScaleIntensityd", minv=0, maxv=1, channel_wise=True)]
    faults.append(f"channel {first.name}: scheme {first.scheme}")
    return []


def _of(target: str, **values: Any) -> dict[str, Any]:
    return {"_target_": target, "keys": "image", **values}


def _inference(model: TrainedModel, before: list[dict[str, Any]]) -> dict[str, Any]:
    spec, net = model.run_spec, model.segmenter
    network = spec.network
    single = network.out_channels == 1
    decided = {"threshold": 0.5} if single else {"argmax": True}
    post = [
        {"_target_": "Activationsd", "keys": "pred", "sigmoid" if single else "softmax": True},
        {"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing",
         "orig_keys": "image", "nearest_interp": False, "to_tensor": True},
        {"_target_": "AsDiscreted", "keys": "pred", **decided},
        {"_target_": "SaveImaged", "keys": "pred", "output_dir": "@output_dir",
         "output_postfix": "seg", "separate_folder": False},
    ]  # fmt: skip
    images = "$sorted(glob.glob(@dataset_dir + '/*'))"
    return {
        "imports": ["$import glob"],
        "bundle_root": ".",
        "dataset_dir": "images",
        "output_dir": "$@bundle_root + '/eval'",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "network_def": {
            "_target_": f"segscope.networks.{type(net).__name__}",
            "spatial_dims": network.spatial_dims,
            "in_channels": network.in_channels,
            "out_channels": network.out_channels,
            **network.options,
        },
        "network": "$@network_def.to(@device)",
        "preprocessing": {"_target_": "Compose", "transforms": before},
        "dataset": {"_target_": "Dataset", "data": f"$[{{'image': i}} for i in {images[1:]}]",
                    "transform": "@preprocessing"},
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1},
        "inferer": {"_target_": "SlidingWindowInferer", "roi_size": list(net.padded(spec.patch)),
                    "sw_batch_size": 1, "overlap": 0.5, "mode": "gaussian",
                    "padding_mode": "replicate"},
        "postprocessing": {"_target_": "Compose", "transforms": post},
        "handlers": [{"_target_": "CheckpointLoader",
                      "load_path": "$@bundle_root + '/models/model.pt'",
                      "load_dict": {"model": "@network"}}],
        "evaluator": {"_target_": "SupervisedEvaluator", "device": "@device",
                      "val_data_loader": "@dataloader", "network": "@network",
                      "inferer": "@inferer", "postprocessing": "@postprocessing",
                      "val_handlers": "@handlers"},
        "run": ["$@evaluator.run()"],
    }  # fmt: skip


def _metadata(model: TrainedModel) -> dict[str, Any]:
    spec = model.run_spec
    network = spec.network
    shape = {"spatial_shape": list(spec.patch), "dtype": "float32", "is_patch_data": True}
    channels = {str(k): name for k, name in enumerate(spec.channel_names)}
    labels = {str(value): name for name, value in spec.labels.items()}
    packages = {"segscope": __version__, "nibabel": metadata.version("nibabel")}
    return {
        "schema": _SCHEMA,
        "version": "0.1.0",
        "changelog": {"0.1.0": "written by segscope"},
        "monai_version": metadata.version("monai"),
        "pytorch_version": torch.__version__.partition("+")[0],
        "numpy_version": np.__version__,
        "required_packages_version": packages,
        "task": f"Segmentation of {', '.join(name for name, k in spec.labels.items() if k)}",
        "description": f"{network.name}, {network.spatial_dims}D",
        "authors": "not said",
        "copyright": "not said",
        "intended_use": "Research; predictions must be checked by a person.",
        "network_data_format": {
            "inputs": {"image": {"type": "image", "format": "magnitude",
                                 "num_channels": network.in_channels, **shape,
                                 "value_range": [], "channel_def": channels}},
            "outputs": {"pred": {"type": "image", "format": "segmentation",
                                 "num_channels": network.out_channels, **shape,
                                 "value_range": [0, 1], "channel_def": labels}},
        },
    }  # fmt: skip


def _write(file: Path, values: dict[str, Any]) -> None:
    write_text(file, json.dumps(values, indent=4) + "\n")


def check_bundle(folder: Path, model: TrainedModel) -> float:
    """Let MONAI's own parser label a made image by a bundle that was just written here.

    The image is not resampled by either, as the two do that differently.

    Returns:
        Share of voxels that are labelled as by the run.

    Raises:
        WorkError: It labels too many otherwise.
    """
    channels = model.run_spec.network.in_channels
    array = np.random.default_rng(0).normal(100, 30, (channels, *_SIDES)).astype(np.float32)
    array += 60 * np.sin(np.arange(_SIDES[0]) / 6)[:, None, None].astype(np.float32)
    # of the plan's own spacing, and turned: MONAI resamples at other places than we do
    spacing = model.run_spec.plan.spacing_mm or (1.0, 1.0, 1.25)
    affine = np.diag([-spacing[0], *spacing[1:], 1.0])
    with TemporaryDirectory() as place:
        file = Path(place) / "made.nii.gz"
        write_image(file, Image(array, Grid(_SIDES, affine)))
        own = predict_labels(model, read_image(file)).array
        found = _by_monai(folder, file)
    same = float(np.mean(found == own)) if found.shape == own.shape else 0.0
    if same < _LEAST:
        raise WorkError(
            f"{folder}: MONAI labels {100 * same:.2f} % of a made image's voxels as the run does, "
            f"{100 * _LEAST:g} % are expected; do not use it, and report this with --debug"
        )
    return same


def _by_monai(folder: Path, file: Path) -> Any:
    """Evaluate the bundle's parts as MONAI does: it was written a moment ago, by this program."""
    bundle: Any = importlib.import_module("monai.bundle")
    with warnings.catch_warnings():  # of MONAI's own future
        warnings.simplefilter("ignore")
        parser = bundle.ConfigParser()
        parser.read_config(str(folder / "configs" / "inference.json"))
        parser["device"] = "cpu"
        parser["postprocessing"]["transforms"].pop()  # its writer
        net = parser.get_parsed_content("network").eval()
        weights = folder / "models" / "model.pt"
        net.load_state_dict(torch.load(weights, weights_only=True))
        data = parser.get_parsed_content("preprocessing")({"image": str(file)})
        with torch.inference_mode():
            pred = parser.get_parsed_content("inferer")(data["image"][None], net)[0]
        pred.applied_operations = []
        after = parser.get_parsed_content("postprocessing")
        return after({**data, "pred": pred})["pred"][0].numpy()
