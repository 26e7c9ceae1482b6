"""The layer whose maps say most about a network's answer: the last that still has a map."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from segscope.features import Taps

_SLACK = 2  # pixels that rounding may cost a side


@dataclass(frozen=True)
class _Call:
    """A module that has run: what went in and came out."""

    name: str
    given: Tensor | None
    output: Any


@dataclass(frozen=True)
class _Maps:
    """What tells maps from other outputs: the image's shape, and sides that maps have."""

    image: tuple[int, ...]
    sides: frozenset[tuple[int, ...]]

    def has(self, output: Any) -> bool:
        """Whether an output is ``(N, C, *s)`` with sides known, or the image's made smaller."""
        if not isinstance(output, Tensor) or output.ndim != len(self.image):
            return False
        if output.shape[0] != self.image[0] or output.shape[2:].numel() == 1:
            return False
        sides, whole = tuple(output.shape[2:]), self.image[2:]
        # channels in a side's place have another ratio to the image
        ratios = [side / full for side, full in zip(sides, whole, strict=True)]
        return sides in self.sides or max(ratios) - min(ratios) <= _SLACK / min(whole)


def last_layer(net: nn.Module, x: Tensor) -> str:
    """Name the last layer with a map of more than one pixel.

    Of a classifier this is the outermost module whose output is pooled: where branches are joined
    it is what joins them, as one branch has seen a part of the answer only. Of a segmentation
    network it is the last activation.

    Args:
        net: Any network.
        x: An image ``(N, C, *S)`` as the network takes it.

    Raises:
        ValueError: There is none, as in transformers of tokens.

    Example:
        >>> net = nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()),
        ...                     nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
        >>> last_layer(net, torch.zeros(1, 1, 8, 8))
        '0'
    """
    calls: list[_Call] = []
    known: dict[str, tuple[int, ...]] = {}

    def keep(name: str, features: Tensor) -> None:
        known[name] = tuple(features.shape[2:])

    def note(name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            given = inputs[0] if inputs and isinstance(inputs[0], Tensor) else None
            calls.append(_Call(name, given, output))

        return hook

    handles = [m.register_forward_hook(note(name)) for name, m in net.named_modules() if name]
    try:
        with torch.no_grad(), Taps(net, "auto", keep):
            output = net(x)
    finally:
        for handle in handles:
            handle.remove()
    if isinstance(output, Tensor) and output.ndim == 2:
        entered = calls[0].given if calls else None  # enlarged, where the network has done so
        image = x if entered is None or entered.ndim != x.ndim else entered
        maps = _Maps(tuple(image.shape), frozenset(known.values()))
        found = _pooled(calls, "", maps)
        if found and not _has_tokens_after(calls, found, maps):
            return found
    else:
        activations = [name.partition("#")[0] for name, s in known.items() if math.prod(s) > 1]
        if activations:
            return activations[-1]
    raise ValueError("layer: no layer with a spatial map was found; name one")


def _pooled(
    calls: list[_Call], around: str, maps: _Maps, entered: Tensor | None = None
) -> str | None:
    """Find the last module with a map, within ``around``; go into what makes it vanish."""
    inside = [call for call in calls if _parent(call.name) == around]
    # what works in place, or hands on as it is, takes nothing from those beside it
    takers = [c for c in inside if c.given is entered is not None and c.output is not c.given]
    if len(takers) > 1:
        return None  # branches side by side: none of them is the whole
    best = max((k for k, call in enumerate(inside) if maps.has(call.output)), default=-1)
    for call in inside[best + 1 :]:
        deeper = _pooled(calls, call.name, maps, call.given)
        if deeper:
            return deeper
    return inside[best].name if best >= 0 else None


def _parent(name: str) -> str:
    return name.rpartition(".")[0]


def _has_tokens_after(calls: list[_Call], name: str, maps: _Maps) -> bool:
    """Whether places are still told apart after the map: it is not pooled but cut into tokens."""
    last = max(k for k, call in enumerate(calls) if call.name == name)
    return any(
        isinstance(call.output, Tensor)
        and call.output.ndim >= 3
        and call.output.shape[1] > 1
        and call.output.shape[2:].numel() > 1
        and not maps.has(call.output)
        for call in calls[last + 1 :]
    )
