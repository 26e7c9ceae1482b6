"""Two layers of a network, the deepest and the last: their channels' means and deviations."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segscope.features.layers import choose, inner

_TINY = 1e-12


class PooledFeatures:
    """Means and standard deviations of layers' channels, over all passes of one case.

    Example:
        >>> net = nn.Sequential(nn.Conv1d(1, 1, 1), nn.ReLU())
        >>> with torch.no_grad(), pooled_features(net, ["1"]) as found:
        ...     _ = net[0].weight.fill_(1), net[0].bias.fill_(0), net(torch.tensor([[[1.0, 3.0]]]))
        >>> found.vector().tolist()
        [2.0, 1.0]
    """

    def __init__(self, layers: Sequence[str]) -> None:
        self._layers = tuple(layers)
        self.restart()

    def restart(self) -> None:
        """Forget what came so far."""
        self._sums: dict[str, Tensor] = {}
        self._counts = dict.fromkeys(self._layers, 0)

    def add(self, layer: str, features: Tensor) -> None:
        """Take a layer's output ``(N, C, *s)`` as it passes by."""
        x = features.detach().float()
        over = (0, *range(2, x.ndim))
        squares = torch.linalg.vector_norm(x, dim=over) ** 2  # without a copy of all squares
        sums = torch.stack([x.sum(over), squares]).double().cpu()
        known = self._sums.get(layer)
        self._sums[layer] = sums if known is None else known + sums
        self._counts[layer] += x[:, 0].numel()

    def vector(self) -> NDArray[np.float64] | None:
        """Per layer all means, then all deviations; None where a layer never ran."""
        if not all(self._counts.values()):
            return None
        parts = []
        for layer in self._layers:
            mean, square = self._sums[layer] / self._counts[layer]
            spread = (square - mean * mean).clamp(min=_TINY).sqrt()
            parts += [mean.numpy(), spread.numpy()]
        return np.concatenate(parts)


@contextmanager
def pooled_features(net: nn.Module, layers: Sequence[str]) -> Iterator[PooledFeatures]:
    """Pool layers' features of the passes inside; layers that the network lacks are left out."""
    found = PooledFeatures(layers)
    named = dict(inner(net).named_modules())
    handles = [
        named[layer].register_forward_hook(
            lambda module, given, output, layer=layer: found.add(layer, output)
        )
        for layer in layers
        if layer in named
    ]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def two_layers(net: nn.Module, image: Tensor) -> tuple[str, ...]:
    """Name the layer of the smallest map, and the last one; none where no layer can be read.

    Args:
        net: The network.
        image: ``(N, C, *S)``, for one pass.
    """
    try:
        chosen = choose(net, "auto")
    except ValueError:  # a script, or a network without layers
        return ()
    sizes: dict[str, int] = {}

    def note(name: str, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == image.ndim:
            sizes[name] = output[0, 0].numel()

    handles = [
        one.module.register_forward_hook(
            lambda module, given, output, name=name: note(name, output)
        )
        for name, one in chosen.items()
    ]
    try:
        with torch.inference_mode():
            net(image)
    finally:
        for handle in handles:
            handle.remove()
    if not sizes:
        return ()
    names = list(sizes)
    deepest = min(reversed(names), key=lambda name: sizes[name])  # of equal ones the last
    return (deepest, names[-1]) if deepest != names[-1] else (deepest,)
