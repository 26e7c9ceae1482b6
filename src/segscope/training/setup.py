"""From a recipe to the objects of a training: network, loss, opponent, devices."""

import math
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from pydantic import ValidationError
from torch import nn

from segscope.data import Dataset
from segscope.errors import InputError
from segscope.inference import ModelSpec, NetworkSpec
from segscope.losses import (
    LOSS,
    CombinedLoss,
    ContentLoss,
    DeepSupervisionLoss,
    PrototypeLoss,
    build_loss,
)
from segscope.networks import NETWORK, Segmenter, build_network
from segscope.training.minmax import AdversarialFeatures
from segscope.training.online import OnlineLoss
from segscope.training.patches import PreparedCase
from segscope.training.recipe import Recipe, TrainRecipe


@dataclass(frozen=True)
class Objective:
    """What a training minimises.

    Args:
        loss: Over all heads.
        opponent: Trained against it, or None.
        reading: Context in which layers' features are read, for losses on these.
        facts: What a run should remember of it.
    """

    loss: nn.Module
    adversary: AdversarialFeatures | None = None
    reading: AbstractContextManager[object] = field(default_factory=nullcontext)
    facts: dict[str, Any] = field(default_factory=dict)


def make_objective(recipe: Recipe, net: Segmenter, device: torch.device) -> Objective:
    """Build the loss of a recipe on the device.

    Raises:
        InputError: Unknown names, options or layers.
    """
    wanted = recipe.loss
    base = _loss(recipe)
    heads = DeepSupervisionLoss(base, weights=_head_weights(recipe, net)).to(device)
    contents = [module for module in heads.modules() if isinstance(module, ContentLoss)]
    facts: dict[str, Any] = {}
    if contents:
        facts["content_features"] = contents[0].phi.source
        if contents[0].phi.notes:
            facts["content_features_notes"] = list(contents[0].phi.notes)
    adversary = None
    if wanted.minmax > 0:
        if not contents:
            raise InputError(f"recipe: loss.minmax is for the content loss, not {wanted.name}")
        adversary = AdversarialFeatures(heads, contents[0], wanted.minmax)
    if wanted.prototype == 0:
        return Objective(heads, adversary, facts=facts)
    online = OnlineLoss(
        heads, wanted.prototype, PrototypeLoss(detach_guide=wanted.prototype_detach_guide)
    )
    try:
        return Objective(online, adversary, online.reading(net, wanted.prototype_layers), facts)
    except ValueError as error:
        raise InputError(f"recipe: loss.prototype_layers: {error}") from None


def _loss(recipe: Recipe) -> nn.Module:
    wanted = recipe.loss
    for name in (wanted.name, *wanted.plus):
        LOSS.need(name, recipe.packages.get(f"loss {name}"))
    try:
        base = build_loss(wanted.name, **wanted.options)
        if wanted.plus:
            others = [(weight, build_loss(name)) for name, weight in wanted.plus.items()]
            base = CombinedLoss([(1.0, base), *others])
    except InputError:  # of an installed package, which it names
        raise
    except (ValueError, TypeError) as error:
        raise InputError(f"recipe: loss {wanted.name}: {error}") from None
    return base


def is_main_process() -> bool:
    """Whether this process writes and reports, where several train together.

    Example:
        >>> is_main_process()
        True
    """
    return int(os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or 0) == 0


def model_spec(recipe: Recipe, dataset: Dataset) -> ModelSpec:
    """Describe the trained network so that prediction needs no recipe.

    Raises:
        InputError: Recipe and dataset contradict each other.
    """
    network, plan = recipe.network, recipe.preprocessing
    sigmoid = network.output == "sigmoid"
    options: dict[str, Any] = {
        "widths": list(network.widths),
        "norm": network.norm,
        **network.options,
    }
    if network.strides is not None:
        options["strides"] = [list(step) for step in network.strides]
    try:
        return ModelSpec(
            network=NetworkSpec(
                name=network.name,
                package=recipe.packages.get(f"network {network.name}"),
                spatial_dims=plan.spatial_dims,
                in_channels=len(plan.channels),
                out_channels=1 if sigmoid else len(dataset.labels),
                options=options,
            ),
            plan=plan,
            labels=dict(dataset.labels),
            channel_names=tuple(dataset.channel_names),
            patch=recipe.patch,
            mirror_axes=recipe.augment.mirror_axes,
            file_ending=dataset.file_ending,
            mask=recipe.mask,
        )
    except ValidationError as error:
        faults = [str(e["msg"]).removeprefix("Value error, ") for e in error.errors()]
        raise InputError("recipe and dataset do not make a model:", faults) from None


def make_network(spec: ModelSpec, seed: int) -> Segmenter:
    """Build the network with weights that depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = spec.network
        NETWORK.need(network.name, network.package)
        try:
            return build_network(
                network.name,
                network.spatial_dims,
                network.in_channels,
                network.out_channels,
                **network.options,
            )
        except InputError:  # of an installed package, which it names
            raise
        except (ValueError, TypeError, RuntimeError, OverflowError, MemoryError) as error:
            raise InputError(f"recipe: network {network.name}: {error}") from None


def check_deepest(net: Segmenter, recipe: Recipe, cases: Sequence[PreparedCase]) -> None:
    """Refuse patches of which the deepest level keeps one voxel: norms need two to tell apart.

    Raises:
        InputError: With the patch, and the smallest case as the likely reason.
    """
    left = math.prod(-(-p // m) for p, m in zip(recipe.patch, net.multiple, strict=True))
    batches = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    pooled = left * recipe.train.batch_size == 1
    alone = pooled and any(isinstance(module, batches) for module in net.modules())
    if not alone and net.padded(recipe.patch) == tuple(
        -(-p // m) * m for p, m in zip(recipe.patch, net.multiple, strict=True)
    ):
        return
    smallest = min(cases, key=lambda case: case.label.size)
    patch, sides = (" x ".join(map(str, part)) for part in (recipe.patch, smallest.label.shape))
    raise InputError(
        f"patch {patch}: leaves one voxel at the network's deepest level, and its norms need two "
        f"(case {smallest.name} is {sides} voxels after preparing); use larger images, a finer "
        "preprocessing.spacing_mm, or fewer network.widths"
    )


def choose_precision(settings: TrainRecipe) -> Literal["32-true", "bf16-mixed", "16-mixed"]:
    """The recipe's precision; for ``auto`` bfloat16 where a CUDA device has it, else float32.

    Processors that have bfloat16 take half the time with it (``train.precision=bf16-mixed``), but
    are not trained in it unasked.
    """
    if settings.precision != "auto":
        return settings.precision
    on_cuda = settings.device.partition(":")[0] in ("auto", "cuda") and torch.cuda.is_available()
    return "bf16-mixed" if on_cuda and torch.cuda.is_bf16_supported() else "32-true"


def make_fabric(recipe: Recipe) -> Fabric:
    """Choose devices and precision, the recipe's or the best there is."""
    settings = recipe.train
    device, devices = settings.device, settings.devices
    accelerator, _, index = device.partition(":")
    if settings.deterministic:
        # an operation that has no deterministic form is named, instead of going on quietly
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    try:
        return Fabric(
            accelerator=accelerator,
            devices=[int(index)] if index else devices,
            strategy="ddp" if devices > 1 else "auto",
            precision=choose_precision(settings),
        )
    except (ValueError, RuntimeError) as error:
        raise InputError(f"train.device={device}, train.devices={devices}: {error}") from None


def one_device(device: torch.device) -> Fabric:
    """Launch on a device that was chosen already, in single precision."""
    index = [device.index] if device.index is not None else 1
    fabric = Fabric(accelerator=device.type, devices=index, precision="32-true")
    fabric.launch()
    return fabric


def _head_weights(recipe: Recipe, net: Segmenter) -> tuple[float, ...] | None:
    if recipe.loss.deep_supervision:
        return recipe.loss.head_weights
    return (*([0.0] * (net.head_count - 1)), 1.0)
