"""The network of an nnU-Net folder: its class and its layers from literal tables, never by name.

dynamic_network_architectures holds nnU-Net's U-Nets; of it only two classes are built, with the
keyword arguments of the plans.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from segscope.errors import InputError
from segscope.inference.foreign.nnunet_plans import PLANS, Configuration, Described

NETWORKS = ("PlainConvUNet", "ResidualEncoderUNet")
_LAYERS: dict[str, type[nn.Module]] = {
    **{f"torch.nn.modules.conv.{kind.__name__}": kind for kind in (nn.Conv2d, nn.Conv3d)},
    **{
        f"torch.nn.modules.{room}.{kind.__name__}": kind
        for room, kinds in {
            "instancenorm": (nn.InstanceNorm2d, nn.InstanceNorm3d),
            "batchnorm": (nn.BatchNorm2d, nn.BatchNorm3d),
            "dropout": (nn.Dropout2d, nn.Dropout3d),
            "activation": (nn.LeakyReLU, nn.ReLU),
        }.items()
        for kind in kinds
    },
}
LAYERS = _LAYERS | {f"torch.nn.{name.rpartition('.')[2]}": kind for name, kind in _LAYERS.items()}
"""By the names that plans have, long or short."""

_SWAPPED = ("conv_op", "norm_op", "dropout_op", "nonlin")
_BATCH_NORMS: dict[int, type[nn.Module]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_OTHER_NETWORKS = ("Primus", "nnUNet_Primus")
_PLAIN_TRAINERS = ("nnUNetTrainer",)
_LARGEST = 1 << 14  # channels of a layer, or its kernel: beyond, a number is damaged
MISSING = "nnU-Net folders need dynamic_network_architectures: pip install segscope[nnunet]"


def build_network(folder: Path, said: Described, trainer: str) -> nn.Module:
    """Build the network that plans and trainer describe, without weights.

    Args:
        folder: Named in messages.
        said: Of the folder.
        trainer: Name in the checkpoint; a few trainers change the network.

    Raises:
        InputError: A class or layer that is not known, or arguments that it does not take; the
            extra is not installed.
    """
    file = folder / PLANS
    if any(part in trainer for part in _OTHER_NETWORKS):
        raise InputError(f"{folder}: was trained by {trainer}, whose network is no U-Net of the "
                         f"plans; segscope knows {' and '.join(NETWORKS)}")  # fmt: skip
    found = said.configuration.architecture or _old_architecture(file, said.configuration)
    full = str(found.get("network_class_name"))
    name = full.rpartition(".")[2]
    if name not in NETWORKS or not full.startswith(("dynamic_network_architectures.", name)):
        raise InputError(f"{file}: network_class_name {full} is not known; segscope knows "
                         f"{' and '.join(NETWORKS)}")  # fmt: skip
    options = dict(found.get("arch_kwargs") or {})
    for key in {*_SWAPPED, *(found.get("_kw_requires_import") or ())}:
        options[key] = _layer(file, key, options.get(key))
    if trainer.startswith("nnUNetTrainerBN") or trainer.endswith("BN"):
        options["norm_op"] = _BATCH_NORMS[len(said.configuration.patch_size)]
        options["norm_op_kwargs"] = {"eps": 1e-5, "affine": True}
    _check_numbers(file, options)
    make = _classes()[name]
    try:
        with torch.random.fork_rng(devices=[]):
            return make(
                input_channels=len(said.channel_names),
                num_classes=said.heads,
                deep_supervision=False,
                **options,
            ).eval()
    except Exception as error:  # layers refuse numbers by any kind of error
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{file}: cannot build {name} ({line}); copy it again") from None


def fit_state(
    file: Path, state: Mapping[str, Tensor], net: nn.Module, trainer: str
) -> dict[str, Tensor]:
    """See that weights are those of the network, key for key and shape for shape.

    Raises:
        InputError: They are not; the first names that are missing and left over are said.
    """
    bare = {_bare(name): value for name, value in state.items()}
    own = net.state_dict()
    missing = [name for name in own if name not in bare]
    left = [name for name in bare if name not in own]
    shapes = [name for name in own if name in bare and own[name].shape != bare[name].shape]
    if missing or left or shapes:
        said = [*(f"no {name}" for name in missing[:2]), *(f"left over {n}" for n in left[:2])]
        said += [f"{n} has {tuple(bare[n].shape)}, not {tuple(own[n].shape)}" for n in shapes[:2]]
        raise InputError(
            f"{file}: its weights do not fit the network of {PLANS} ({'; '.join(said)}); the "
            f"trainer {trainer} may have changed the network, or the plans are of another training"
        )
    odd = [name for name, value in bare.items() if not bool(value.isfinite().all())]
    if odd:
        raise InputError(f"{file}: {odd[0]} holds NaN or infinite weights; copy it again, or "
                         "choose another fold or --checkpoint")  # fmt: skip
    return bare


def known_trainer(trainer: str) -> bool:
    """Whether a trainer's name says all that is to know of its network."""
    return trainer in _PLAIN_TRAINERS or trainer.startswith("nnUNetTrainerBN")


def _bare(name: str) -> str:
    """Drop what DDP and torch.compile put before names."""
    for prefix in ("module.", "_orig_mod."):
        name = name.removeprefix(prefix)
    return name


def _classes() -> dict[str, Callable[..., nn.Module]]:
    try:
        from dynamic_network_architectures.architectures import unet
    except ImportError:
        raise InputError(MISSING) from None
    return {name: getattr(unet, name) for name in NETWORKS}


def _layer(file: Path, key: str, name: Any) -> type[nn.Module] | None:
    if name is None:
        return None
    if not isinstance(name, str) or name not in LAYERS:
        raise InputError(f"{file}: {key} {name} is not a layer that segscope builds; known are "
                         f"{', '.join(sorted({kind.__name__ for kind in LAYERS.values()}))}")  # fmt: skip
    return LAYERS[name]


def _old_architecture(file: Path, said: Configuration) -> dict[str, Any]:
    """Plans from before 2.2 list an architecture's numbers one by one."""
    old: dict[str, Any] = dict(said.model_extra or {})
    needed = (
        "UNet_class_name", "UNet_base_num_features", "unet_max_num_features", "conv_kernel_sizes",
        "n_conv_per_stage_encoder", "n_conv_per_stage_decoder", "pool_op_kernel_sizes",
    )  # fmt: skip
    lost = [key for key in needed if key not in old]
    if lost:
        raise InputError(f"{file}: has neither architecture nor {lost[0]}; copy it again")
    name, dims = str(old["UNet_class_name"]), len(said.patch_size)
    stages = len(old["n_conv_per_stage_encoder"])
    base, most = int(old["UNet_base_num_features"]), int(old["unet_max_num_features"])
    blocks = "n_blocks_per_stage" if name == "ResidualEncoderUNet" else "n_conv_per_stage"
    return {
        "network_class_name": name,
        "arch_kwargs": {
            "n_stages": stages,
            "features_per_stage": [min(base * 2**k, most) for k in range(stages)],
            "conv_op": f"torch.nn.modules.conv.Conv{dims}d",
            "kernel_sizes": old["conv_kernel_sizes"],
            "strides": old["pool_op_kernel_sizes"],
            blocks: old["n_conv_per_stage_encoder"],
            "n_conv_per_stage_decoder": old["n_conv_per_stage_decoder"],
            "conv_bias": True,
            "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{dims}d",
            "norm_op_kwargs": {"eps": 1e-5, "affine": True},
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        },
    }


def _check_numbers(file: Path, value: Any, where: str = "arch_kwargs") -> None:
    """Refuse numbers that no network has, before memory is asked for."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            _check_numbers(file, part, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for part in value:
            _check_numbers(file, part, where)
    elif isinstance(value, int | float) and not abs(value) <= _LARGEST:
        raise InputError(f"{file}: {where} has {value}, which no network has; copy it again")
    elif isinstance(value, str):
        raise InputError(f"{file}: {where} has the text {value!r} where a number is expected")
