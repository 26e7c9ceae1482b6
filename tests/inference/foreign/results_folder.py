"""A results folder of nnU-Net in small: a network of two levels with random weights."""

import json

import torch

from segscope.inference.foreign.nnunet_network import build_network
from segscope.inference.foreign.nnunet_plans import read_description

NAME = "nnUNetTrainer__nnUNetPlans__tiny"
INTENSITIES = {"mean": 40.0, "std": 10.0, "percentile_00_5": 20.0, "percentile_99_5": 60.0}


def plans(dims=3, **configuration):
    """Plans of a network of two levels; keywords replace keys of its configuration."""
    kernels = [[3] * dims] * 2
    splines = {"is_seg": False, "order_z": 0, "force_separate_z": None}
    tiny = {
        "preprocessor_name": "DefaultPreprocessor",
        "patch_size": [8] * dims,
        "spacing": [1.0] * dims,
        "normalization_schemes": ["ZScoreNormalization"],
        "use_mask_for_norm": [False],
        "resampling_fn_data": "resample_data_or_seg_to_shape",
        "resampling_fn_data_kwargs": {**splines, "order": 3},
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities_kwargs": {**splines, "order": 1},
        "architecture": {
            "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
            "arch_kwargs": {
                "n_stages": 2,
                "features_per_stage": [2, 4],
                "conv_op": f"torch.nn.modules.conv.Conv{dims}d",
                "kernel_sizes": kernels,
                "strides": [[1] * dims, [2] * dims],
                "n_conv_per_stage": [1, 1],
                "n_conv_per_stage_decoder": [1],
                "conv_bias": True,
                "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{dims}d",
                "norm_op_kwargs": {"eps": 1e-5, "affine": True},
                "dropout_op": None,
                "dropout_op_kwargs": None,
                "nonlin": "torch.nn.LeakyReLU",
                "nonlin_kwargs": {"inplace": True},
            },
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
    }
    return {
        "image_reader_writer": "NibabelIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {"tiny": tiny | configuration},
        "foreground_intensity_properties_per_channel": {"0": INTENSITIES},
    }


DATASET = {
    "channel_names": {"0": "MR"},
    "labels": {"background": 0, "a": 1, "b": 2},
    "file_ending": ".nii.gz",
}


def write_folder(place, *, folds=(0,), said=None, dataset=None, trainer="nnUNetTrainer", mirror=()):
    """Write a results folder; the weights of a fold are drawn by its number."""
    folder = place / NAME
    folder.mkdir(parents=True)
    rewrite(folder, "plans.json", said or plans())
    rewrite(folder, "dataset.json", dataset or DATASET)
    description = read_description(folder, "tiny")
    for fold in folds:
        with torch.random.fork_rng():
            torch.manual_seed(0 if fold == "all" else fold)
            net = build_network(folder, description, trainer)
            for value in net.parameters():
                torch.nn.init.normal_(value, std=0.5)
        write_checkpoint(folder, fold, net.state_dict(), trainer_name=trainer,
                         inference_allowed_mirroring_axes=mirror or None)  # fmt: skip
    return folder


def write_checkpoint(folder, fold, weights, kind="final", **facts):
    """Write a checkpoint as nnU-Net does; None leaves a key out where ``facts`` say `KeyError`."""
    file = folder / f"fold_{fold}" / f"checkpoint_{kind}.pth"
    file.parent.mkdir(exist_ok=True)
    whole = {
        "network_weights": weights,
        "trainer_name": "nnUNetTrainer",
        "init_args": {"configuration": "tiny"},
        "inference_allowed_mirroring_axes": None,
        **facts,
    }
    torch.save({key: value for key, value in whole.items() if value is not KeyError}, file)
    return file


def weights_of(folder, fold=0):
    """The weights of a fold, to be changed."""
    file = folder / f"fold_{fold}" / "checkpoint_final.pth"
    return torch.load(file, weights_only=True)["network_weights"]


def rewrite(folder, name, facts):
    (folder / name).write_text(json.dumps(facts))


def changed(folder, name, change):
    """Change a JSON file of a folder."""
    facts = json.loads((folder / name).read_text())
    change(facts)
    rewrite(folder, name, facts)
