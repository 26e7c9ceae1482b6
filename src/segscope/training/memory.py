"""What a training step holds at its fullest, counted by taking the step without its numbers.

On torch's ``meta`` device tensors have shapes and no content: a step takes a tenth of a second and
no memory, and every tensor that forward pass, loss and backward pass would hold is seen to come and
go, for any network. What kernels use inside is not seen; with float32 it is a few percent.
"""

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from segscope.inference import NetworkSpec
from segscope.losses import DeepSupervisionLoss, build_loss
from segscope.networks import build_network
from segscope.networks.names import NETWORKS
from segscope.training.recipe import Recipe

_MAPPED = 1 << 25  # bytes: larger blocks go straight back to the system, smaller ones leave gaps
_GAPS = 1.3  # what the C library's heap takes for a byte of these, as measured


class LiveBytes(TorchDispatchMode):
    """Adds up what is alive of all tensors that operations make, and keeps the most.

    Args:
        size: Bytes that a storage counts for.

    Example:
        >>> with LiveBytes() as live:
        ...     a = torch.zeros(100)
        ...     b = a + 1
        ...     del a
        ...     c = b.view(10, 10) * 2
        >>> live.now, live.most
        (800.0, 800.0)
    """

    def __init__(self, size: Callable[[int], float] = float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.most = 0.0
        self._size = size
        self._known: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for part in tree_leaves(made):
            if isinstance(part, Tensor):
                self.hold(part)
        return made

    def hold(self, tensor: Tensor) -> None:
        """Count a tensor, until its storage goes; views of what is counted add nothing."""
        storage = tensor.untyped_storage()
        key = id(storage)
        if key in self._known:
            return
        size = self._size(storage.nbytes())
        self._known.add(key)
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._gone, key, size).atexit = False

    def _gone(self, key: int, size: float) -> None:
        self._known.discard(key)
        self.now -= size


def step_memory_gb(
    network: NetworkSpec,
    patch: Sequence[int],
    batch: int,
    *,
    deep_supervision: bool = True,
    moments: int = 2,
    device: str = "cpu",
) -> float:
    """Foretell what training adds to the process at most, in GiB of float32.

    Args:
        network: What is trained.
        patch: Of a sample; rounded up to what the network takes.
        batch: Samples of a step.
        deep_supervision: Whether all heads are in the loss, or the last one alone.
        moments: Of the optimiser, per weight: 2 for AdamW, 1 for SGD with momentum.
        device: On ``cpu`` the gaps that the C library's heap leaves are counted too.

    The loss is Dice and cross entropy; what features of another network take (content loss), or
    losses on layers, comes on top.

    Raises:
        ValueError: The network cannot be built so.

    Example:
        >>> plain = NetworkSpec(
        ...     name="unet", spatial_dims=3, in_channels=1, out_channels=2,
        ...     options={"widths": [16, 32, 64, 128], "norm": "instance"},
        ... )
        >>> 0.25 < step_memory_gb(plain, (40, 56, 40), 2) < 0.35
        True
    """
    count = _with_gaps if device == "cpu" else float
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        net = build_network(
            network.name,
            network.spatial_dims,
            network.in_channels,
            network.out_channels,
            **network.options,
        )
        sides = net.padded(patch)
        images = torch.zeros(batch, network.in_channels, *sides)
        labels = torch.zeros(batch, 1, *sides, dtype=torch.int64)
    weights = sum(count(p.nbytes) for p in net.parameters())
    with LiveBytes(count) as live:
        for given in (*net.parameters(), images, labels):
            live.hold(given)
        _loss(net.head_count, deep_supervision)(net.heads(images), labels).backward()
    return (moments * weights + live.most) / 2**30


def estimated_memory_gb(
    patch: Sequence[int],
    widths: Sequence[int],
    batch: int,
    *,
    strides: Sequence[Sequence[int]] | None = None,
    device: str = "cpu",
) -> float:
    """Estimate what training a plain U-Net of one channel and two classes holds, in GiB.

    Raises:
        ValueError: There is no such U-Net.

    Example:
        >>> 0.25 < estimated_memory_gb((40, 56, 40), (16, 32, 64, 128), 2) < 0.35
        True
    """
    options: dict[str, Any] = {"widths": list(widths), "norm": "instance"}
    if strides is not None:
        options["strides"] = [list(step) for step in strides]
    network = NetworkSpec(
        name="unet", spatial_dims=len(patch), in_channels=1, out_channels=2, options=options
    )
    return step_memory_gb(network, patch, batch, device=device)


def recipe_memory_gb(recipe: Recipe, classes: int) -> float | None:
    """Estimate what a recipe's training holds, in GiB; None for networks of installed packages.

    Raises:
        ValueError: The network cannot be built so.
    """
    network, settings = recipe.network, recipe.train
    if network.name not in NETWORKS:
        return None
    options = {"widths": list(network.widths), "norm": network.norm, **network.options}
    if network.strides is not None:
        options["strides"] = [list(step) for step in network.strides]
    spec = NetworkSpec(
        name=network.name,
        spatial_dims=len(recipe.patch),
        in_channels=len(recipe.preprocessing.channels),
        out_channels=1 if network.output == "sigmoid" else classes,
        options=options,
    )
    kind = settings.device.partition(":")[0]
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    return step_memory_gb(
        spec,
        recipe.patch,
        settings.batch_size,
        deep_supervision=recipe.loss.deep_supervision,
        moments=1 if settings.optimizer == "sgd" else 2,
        device=kind,
    )


def _with_gaps(size: int) -> float:
    return size * (_GAPS if size < _MAPPED else 1.0)


def _loss(heads: int, deep_supervision: bool) -> nn.Module:
    weights = None if deep_supervision else (*([0.0] * (heads - 1)), 1.0)
    return DeepSupervisionLoss(build_loss("dice_ce"), weights=weights)
