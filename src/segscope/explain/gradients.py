"""A score's gradient to a layer's features, as they were when the layer gave them.

Networks write over their tensors. The features are copied as they pass by, and what autograd knows
of them is noted then too, so that the gradient is to these values and to no later ones.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from segscope.features import FeatureHooks, Layer, Passing
from segscope.features.untouched import input_errors

Place = GradientEdge | Tensor | None

Score = Callable[[Any], Tensor]
"""From what the network returns to a number."""


class _Reader:
    """Keeps the last run of a layer that it is shown: its values, and where its gradient arrives.

    Args:
        graph: Whether a gradient is wanted.
        apart: Let the network go on with a copy.
    """

    def __init__(self, *, graph: bool, apart: bool = False) -> None:
        self.graph, self.apart = graph, apart
        self.passing: Passing | None = None
        self.values = torch.empty(0)
        self.place: Place = None
        self.replaced = False
        self._version = 0

    def __call__(self, passing: Passing) -> Tensor | None:
        output, self.passing, self.place = passing.output, passing, None
        if passing.order is None:
            return None  # said later, if this run is the one that is read
        self.values = output.detach().clone()
        if not self.graph or not output.is_floating_point():
            return None
        if output.requires_grad:
            self.place, self._version = get_gradient_edge(output), output._version
            if not self.apart:
                return None
            self.replaced = True
            return output.clone()
        # made without a graph, in a part of the network that is not to be trained
        self.replaced = True
        with torch.enable_grad():
            self.place = self.values.clone().requires_grad_()
            return self.place.clone()

    @property
    def was_lost(self) -> bool:
        """Whether autograd's place of a view has been given up for a later one."""
        output = None if self.passing is None else self.passing.output
        return isinstance(output, Tensor) and output._is_view() and output._version != self._version


def layer_features(net: nn.Module, x: Tensor, layer: Layer) -> Tensor:
    """Read a layer's features ``(N, C, *s)``; of a module that runs several times the last ones.

    Args:
        net: As of `layer_gradient`.
        x: As of `layer_gradient`.
        layer: As of `layer_gradient`.

    Raises:
        ValueError: No such layer, or none with a map.
    """
    reader = _Reader(graph=False)
    with torch.no_grad(), input_errors(net, x), FeatureHooks(net, [layer], watch=reader):
        net(x.clone())
    return _passed(reader).turned(reader.values)


def layer_gradient(net: nn.Module, x: Tensor, layer: Layer, score: Score) -> tuple[Tensor, Tensor]:
    """Read a layer's features ``(N, C, *s)`` and the score's gradient to them.

    Works whether or not the weights want gradients. Of a module that runs several times the last
    run is read, unless another is named (``name#2``; the first is ``name#1``).

    Args:
        net: Unwrapped, in evaluation mode.
        x: As the network takes it.
        layer: Its name, or itself.
        score: Of the network's output.

    Raises:
        ValueError: No such layer, or none with a map; the score does not depend on it.
    """
    reader = _Reader(graph=True)
    gradient = _differentiate(net, lambda: _forward(net, x, layer, score, reader))
    if gradient is None and reader.was_lost:
        reader = _Reader(graph=True, apart=True)
        gradient = _differentiate(net, lambda: _forward(net, x, layer, score, reader))
    passing = _passed(reader)
    features = passing.turned(reader.values)
    if gradient is None:
        raise ValueError(
            f"layer {passing.name}: the score does not depend on it in a way that can be "
            "differentiated (another output of the network may); name a layer on the way to the "
            "score"
        )
    if reader.replaced:
        _check_that_a_copy_is_the_same(net, x, layer, score)
    return features, passing.turned(gradient)


def image_gradient(net: nn.Module, x: Tensor, score: Score) -> Tensor:
    """Differentiate a score by the image.

    Raises:
        ValueError: The score does not depend on it in a way that can be differentiated.
    """

    def forward() -> tuple[Tensor, Place]:
        leaf = x.detach().clone().requires_grad_()
        # a copy: networks may write into their image, which a tensor of this kind forbids
        with input_errors(net, x):
            return score(net(leaf.clone())), leaf

    gradient = _differentiate(net, forward)
    if gradient is None:
        raise ValueError(
            "the score does not depend on the image in a way that can be differentiated"
        )
    return gradient


def _differentiate(net: nn.Module, forward: Callable[[], tuple[Tensor, Place]]) -> Tensor | None:
    """Differentiate what a forward pass gives; None where there is no dependence.

    A network that is only ever used may write over what differentiation needs. Then it runs once
    more, and what is written over is copied first.
    """
    with torch.enable_grad(), _without_cudnn(net):
        try:
            return _once(forward)
        except RuntimeError as error:
            if not _is_about_writing(error):
                _say_what_is_checkpointed(error)
                raise
        try:
            with _out_of_place(net), torch.autograd.graph.allow_mutation_on_saved_tensors():
                return _once(forward)
        except RuntimeError as error:
            _say_what_is_written(error)
            raise


def _once(forward: Callable[[], tuple[Tensor, Place]]) -> Tensor | None:
    score, place = forward()
    if place is None or not score.requires_grad:
        return None
    (gradient,) = torch.autograd.grad(score, place, allow_unused=True)
    return gradient


def _forward(
    net: nn.Module, x: Tensor, layer: Layer, score: Score, reader: _Reader
) -> tuple[Tensor, Place]:
    given = x.detach().clone().requires_grad_()
    with input_errors(net, x), FeatureHooks(net, [layer], watch=reader):
        output = net(given.clone())
    return score(output), reader.place


@contextmanager
def _without_cudnn(net: nn.Module) -> Iterator[None]:
    """Leave cuDNN out where it has recurrent layers: these it differentiates in training only."""
    before = torch.backends.cudnn.enabled
    recurrent = before and any(isinstance(module, nn.RNNBase) for module in net.modules())
    try:
        if recurrent:
            torch.backends.cudnn.enabled = False
        yield
    finally:
        if recurrent:
            torch.backends.cudnn.enabled = before


@contextmanager
def _out_of_place(net: nn.Module) -> Iterator[None]:
    """Let modules that can work out of place, as ``nn.ReLU(inplace=True)``, do so."""
    switched: list[Any] = [m for m in net.modules() if getattr(m, "inplace", None) is True]
    try:
        for module in switched:
            module.inplace = False
        yield
    finally:
        for module in switched:
            module.inplace = True


def _is_about_writing(error: RuntimeError) -> bool:
    text = str(error)
    signs = ("modified by an inplace operation", "modified inplace", "in-place operation")
    return any(sign in text for sign in signs)


def _say_what_is_checkpointed(error: RuntimeError) -> None:
    if "use_reentrant=True" in str(error):
        raise ValueError(
            "the network computes parts anew when it is differentiated (torch.utils.checkpoint "
            "with use_reentrant=True): turn this off, or say use_reentrant=False"
        ) from error


def _say_what_is_written(error: RuntimeError) -> None:
    text = str(error)
    if _is_about_writing(error):
        raise ValueError(
            f"the network writes into a tensor in a way that cannot be differentiated ({text}); "
            "use the method activation, or write that part of the network out of place"
        ) from error


def _check_that_a_copy_is_the_same(net: nn.Module, x: Tensor, layer: Layer, score: Score) -> None:
    """Refuse where the network counts on a layer's output sharing memory with something else."""
    random = torch.get_rng_state()
    with torch.no_grad(), input_errors(net, x):
        plain = score(net(x.clone()))
        torch.set_rng_state(random)
        with FeatureHooks(net, [layer], watch=_Reader(graph=True)):
            copied = score(net(x.clone()))
    if not torch.allclose(plain, copied, rtol=1e-4, atol=1e-6, equal_nan=True):
        raise ValueError(
            f"layer {layer}: is a view that the network writes through; name another layer"
        )


def _passed(reader: _Reader) -> Passing:
    assert reader.passing is not None  # else it has been said that the layer does not run
    return reader.passing
