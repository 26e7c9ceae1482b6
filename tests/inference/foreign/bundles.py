"""A small MONAI bundle with random weights, which tests change one value of."""

import json

import torch

NETWORK = {"_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2,
           "channels": [2, 4], "strides": [2], "norm": "batch"}  # fmt: skip
CONFIG = {
    "imports": ["$import os"],
    "bundle_root": ".",
    "device": "$torch.device('cuda:0')",
    "network_def": NETWORK,
    "network": "$@network_def.to(@device)",
    "fine": False,
    "preprocessing": {"_target_": "Compose", "transforms": [
        {"_target_": "LoadImaged", "keys": "image"},
        {"_target_": "EnsureChannelFirstd", "keys": "image"},
        {"_target_": "Orientationd", "keys": "image", "axcodes": "LPS"},
        {"_target_": "Spacingd", "keys": "image", "mode": "bilinear",
         "pixdim": "$[1.0, 1.0, 1.0] if @fine else [2.0, 2.0, 2.0]"},
        {"_target_": "CropForegroundd", "keys": "image", "source_key": "image"},
        {"_target_": "NormalizeIntensityd", "keys": "image", "nonzero": True},
    ]},
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [8, 8, 8], "overlap": 0.5},
    "postprocessing": {"_target_": "Compose", "transforms": [
        {"_target_": "Activationsd", "keys": "pred", "softmax": True},
        {"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing",
         "orig_keys": "image", "nearest_interp": False, "to_tensor": True},
        {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
        {"_target_": "SaveImaged", "keys": "pred", "output_dir": "$@bundle_root + '/eval'"},
    ]},
    "handlers": [{"_target_": "CheckpointLoader", "load_path": "$@bundle_root + '/models/model.pt'"}],
    "run": ["$@evaluator.run()"],
}  # fmt: skip
FORMATS = {
    "inputs": {"image": {"num_channels": 1, "channel_def": {"0": "MR"}}},
    "outputs": {"pred": {"num_channels": 2, "channel_def": {"0": "background", "1": "node"}}},
}


def write_bundle(folder, changes=None, network=None):
    """Write it; ``changes`` are keys of the configuration."""
    from monai.networks.nets import UNet

    for name in ("configs", "models"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    config = CONFIG | (changes or {})
    (folder / "configs/inference.json").write_text(json.dumps(config))
    metadata = {"version": "1", "network_data_format": FORMATS}
    (folder / "configs/metadata.json").write_text(json.dumps(metadata))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = network or UNet(3, 1, 2, [2, 4], [2], norm="batch")
    torch.save(net.state_dict(), folder / "models/model.pt")
    return folder


def changed(*path, to):
    """The configuration's top key with one value below it changed."""
    top = json.loads(json.dumps(CONFIG[path[0]]))
    place = top
    for part in path[1:-1]:
        place = place[part]
    place[path[-1]] = to
    return {path[0]: top}
