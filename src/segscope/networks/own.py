"""Networks of other packages as networks of a recipe: called alike, checked, one head."""

import inspect
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from segscope.networks.blocks import Segmenter, Step
from segscope.plugins import Kind, plain


class Network(Protocol):
    """What makes a network: a class, or a function that returns a module.

    A recipe's ``network.options`` are passed beside these arguments. What is returned takes images
    ``(N, in_channels, *S)``, whose sides are multiples of the product of all strides, and returns
    logits ``(N, out_channels, *S)``. A `Segmenter` is taken as it is, with heads and ``prune``.
    """

    def __call__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        widths: Sequence[int],
        norm: str,
        strides: Sequence[Step],
    ) -> nn.Module:
        """Make the network.

        Args:
            spatial_dims: 1, 2 or 3.
            in_channels: Channels of the image.
            out_channels: 1 for a sigmoid network, else one per class, background first.
            widths: Channels per level, from full resolution down.
            norm: ``batch``, ``instance`` or ``group``.
            strides: Pooling per step between levels, an integer or one per axis.
        """


def no_network(found: Any) -> str:
    """What keeps an object from being a `Network`, or nothing.

    Example:
        >>> no_network(3)
        'is an int, where a class or a function that makes the network is expected'
    """
    if isinstance(found, nn.Module) or not callable(found):
        return f"is {plain(found)}, where a class or a function that makes the network is expected"
    return ""


class OwnNetwork(Segmenter):
    """A module of another package, whose answers are looked at.

    Args:
        module: See `Network`.
        known: Kind and name, for messages.
        sizes: Spatial dimensions, channels in and out.
        options: That it was made with; ``widths`` and ``strides`` say which sides it takes.
    """

    def __init__(
        self,
        module: nn.Module,
        known: tuple[Kind[Any], str],
        sizes: tuple[int, int, int],
        options: dict[str, Any],
    ) -> None:
        super().__init__(*sizes, options["widths"], options.get("strides"))
        self.net = module
        self._known = known

    def forward(self, x: Tensor) -> Tensor:
        self._check(x)
        kind, name = self._known
        # a compiler cannot look through the context, and says itself where it failed
        with nullcontext() if torch.compiler.is_compiling() else kind.running(name):
            found = self.net(x)
        wanted = (len(x), self.out_channels, *x.shape[2:])
        if not isinstance(found, Tensor) or tuple(found.shape) != wanted:
            got = tuple(found.shape) if isinstance(found, Tensor) else plain(found)
            raise kind.fault(name, f"gives {got} for images {tuple(x.shape)}, expected {wanted}")
        return found


def make_own(
    kind: Kind[Any], name: str, sizes: tuple[int, int, int], options: dict[str, Any]
) -> Segmenter:
    """Call what a package declares, and see that it takes the arguments and returns a network.

    Args:
        kind: Of networks.
        name: Of this one.
        sizes: Spatial dimensions, channels in and out.
        options: Keywords of its constructor.

    Raises:
        InputError: It does not, or fails; the package is named.
    """
    make = kind.get(name)
    try:
        inspect.signature(make).bind(*sizes, **options)
    except TypeError as error:
        called = ", ".join(["spatial_dims, in_channels, out_channels", *(f"{k}=" for k in options)])
        raise kind.fault(name, f"cannot be called with ({called}): {error}") from None
    except ValueError:  # a builtin, which does not say what it takes
        pass
    with kind.running(name):
        net = make(*sizes, **options)
    if isinstance(net, Segmenter):
        return net
    if not isinstance(net, nn.Module):
        raise kind.fault(name, f"returns {plain(net)}, a torch.nn.Module is expected")
    return OwnNetwork(net, (kind, name), sizes, options)
