"""The layer whose maps say most about a network's answer: the last that still has a map."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

from segscope.features import FeatureHooks, answer_of, taken, untouched
from segscope.features.axes import fits
from segscope.features.hooks import is_plain
from segscope.features.layers import inner, is_scripted, run_name
from segscope.features.untouched import first_tensor, input_errors


@dataclass(frozen=True, eq=False)
class _Call:
    """A module that has run: what went in and came out."""

    name: str
    run: int
    given: Tensor | None
    output: Any
    node: Node | None
    is_map: bool

    def reaches(self, nodes: set[Node]) -> bool:
        """Whether the answer was made from it, as far as autograd knows."""
        if self.node is None or self.node in nodes:
            return True
        # what was written into a view has given it another place
        return self.output._is_view() and self.output.grad_fn in nodes


@dataclass(frozen=True)
class _Maps:
    """What tells maps from other outputs: the image's shape, and sides that maps have."""

    image: tuple[int, ...]
    sides: frozenset[tuple[int, ...]]

    def has(self, call: _Call) -> bool:
        """Whether an output is ``(N, C, *s)`` with sides known, or the image's made smaller."""
        if not call.is_map or call.output.shape[0] != self.image[0]:
            return False
        sides = tuple(call.output.shape[2:])
        # channels in a side's place have another ratio to the image
        return math.prod(sides) > 1 and (sides in self.sides or fits(sides, self.image[2:]))


def last_layer(net: nn.Module, x: Tensor) -> str:
    """Name the last layer with a map of more than one pixel that the answer is made from.

    Of a classifier this is the outermost module whose output is pooled: where branches are joined
    it is what joins them, as one branch has seen a part of the answer only. Of a segmentation
    network it is the last activation. Layers of auxiliary outputs do not count, nor do maps with
    their channels last. The network's mode is as before afterwards.

    Args:
        net: Any network.
        x: An image ``(N, C, *S)``.

    Raises:
        ValueError: There is none, as in transformers of tokens.

    Example:
        >>> net = nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()),
        ...                     nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
        >>> last_layer(net, torch.zeros(1, 1, 8, 8))
        '0'
    """
    net = inner(net)
    with torch.inference_mode(False), untouched(net), torch.enable_grad():
        output, calls, activations = _run(net, taken(net, x).requires_grad_())
    answer = answer_of(output, lambda t: t.ndim > 1 and t.is_floating_point())
    ran = {call.name: call.run for call in calls}
    nodes = _nodes(None if answer is None else answer.tensor.grad_fn)
    if nodes:
        calls = [call for call in calls if call.reaches(nodes)]
    reaching = {(call.name, call.run): call for call in calls}
    found = None
    if answer is not None and answer.tensor.ndim == 2:
        entered = calls[0].given if calls else None  # enlarged, where the network has done so
        image = x if entered is None or entered.ndim != x.ndim else entered
        sides = {tuple(reaching[at].output.shape[2:]) for at in activations if at in reaching}
        maps = _Maps(tuple(image.shape), frozenset(sides))
        found = _pooled(calls, "", maps)
        if found and _has_tokens_after(calls, found, maps):
            found = None
    else:
        own = [reaching[at] for at in activations if at in reaching]
        found = next((c for c in reversed(own) if c.output.shape[2:].numel() > 1), None)
    if found is None:
        raise ValueError("layer: no layer with a spatial map was found; name one")
    # the name alone means the last run, which may have made another output
    return found.name if found.run == ran[found.name] else f"{found.name}#{found.run}"


def _run(net: nn.Module, x: Tensor) -> tuple[Any, list[_Call], list[tuple[str, int]]]:
    """Run a network; what it returns, what ran, and which of this are activations with maps."""
    calls: list[_Call] = []
    ran: dict[str, int] = {}
    activations: list[str] = []
    hooks = FeatureHooks(net, "auto", watch=lambda passing: activations.append(passing.name))

    def note(name: str) -> Any:
        def hook(module: nn.Module, args: Any, named: dict[str, Any], output: Any) -> None:
            found = output[0] if isinstance(output, (tuple, list)) and output else output
            ran[name] = ran.get(name, 0) + 1
            node = found.grad_fn if isinstance(found, Tensor) else None
            plain = is_plain(hooks.order_of(found, module))
            given = first_tensor(args, named)
            calls.append(_Call(name, ran[name], given, found, node, plain))

        return hook

    handles = [
        module.register_forward_hook(note(name), with_kwargs=True)
        for name, module in net.named_modules() if name and not is_scripted(module)
    ]  # fmt: skip
    try:
        with hooks, input_errors(net, x):
            output = net(x.clone())
    finally:
        for handle in handles:
            handle.remove()
    by_name = {run_name(call.name, call.run): (call.name, call.run) for call in calls}
    return output, calls, [by_name[name] for name in activations]


def _nodes(last: Node | None) -> set[Node]:
    """Everything that autograd knows to have led to a node."""
    found: set[Node] = set()
    open_ones = [] if last is None else [last]
    while open_ones:
        node = open_ones.pop()
        if node not in found:
            found.add(node)
            open_ones += [before for before, _ in node.next_functions if before is not None]
    return found


def _pooled(
    calls: list[_Call], around: str, maps: _Maps, entered: Tensor | None = None
) -> _Call | None:
    """Find the last module with a map, within ``around``; go into what makes it vanish."""
    inside = [call for call in calls if _parent(call.name) == around]
    # what works in place, or hands on as it is, takes nothing from those beside it
    takers = [c for c in inside if c.given is entered is not None and c.output is not c.given]
    if len(takers) > 1:
        return None  # branches side by side: none of them is the whole
    best = max((k for k, call in enumerate(inside) if maps.has(call)), default=-1)
    for call in inside[best + 1 :]:
        deeper = _pooled(calls, call.name, maps, call.given)
        if deeper:
            return deeper
    return inside[best] if best >= 0 else None


def _parent(name: str) -> str:
    return name.rpartition(".")[0]


def _has_tokens_after(calls: list[_Call], found: _Call, maps: _Maps) -> bool:
    """Whether places are still told apart after the map: it is not pooled but cut into tokens."""
    return any(
        isinstance(call.output, Tensor)
        and call.output.ndim >= 3
        and call.output.shape[1] > 1
        and call.output.shape[2:].numel() > 1
        and not maps.has(call)
        for call in calls[calls.index(found) + 1 :]
    )
