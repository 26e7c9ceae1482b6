"""Do a nested network's shallower heads say what its output says?"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segscope.features import to_labels
from segscope.features.layers import inner


class HeadAgreement:
    """Dice of every shallower head with the output, over all windows as the network saw them.

    Args:
        heads: How many there are below the output.
        classes: Foreground labels.
    """

    def __init__(self, heads: int, classes: int) -> None:
        self._shape = (heads, classes)
        self.restart()

    def restart(self) -> None:
        """Forget what came so far."""
        self._both = np.zeros(self._shape)
        self._sizes = np.zeros(self._shape)

    def add(self, heads: list[Tensor], output: Tensor) -> None:
        """Take the logits of a pass: of the heads, and of the output."""
        own = _labels(output)
        kinds = self._shape[1] + 1
        for h, logits in enumerate(heads):
            pairs = torch.bincount(own * kinds + _labels(logits), minlength=kinds * kinds)
            table = pairs.reshape(kinds, kinds).double().cpu().numpy()
            self._both[h] += 2 * np.diag(table)[1:]
            self._sizes[h] += (table.sum(0) + table.sum(1))[1:]

    def dice(self) -> NDArray[np.float64]:
        """Mean over the heads, per class; 0 where neither they nor the output have the class."""
        found: NDArray[np.float64] = (self._both / np.maximum(self._sizes, 1)).mean(0)
        return found


def has_heads(net: nn.Module) -> bool:
    """Whether a network has heads below its output, which one pass makes too."""
    own: Any = inner(net)
    return getattr(own, "head_count", 1) > 1 and hasattr(own, "outputs")


@contextmanager
def head_agreement(net: nn.Module, classes: int) -> Iterator[HeadAgreement | None]:
    """Compare heads in the passes inside; None for a network that has none."""
    if not has_heads(net):
        yield None
        return
    own: Any = inner(net)
    depth = own.head_count
    found = HeadAgreement(depth - 1, classes)
    passed: dict[int, Tensor] = {}

    def keep(column: int, node: Tensor) -> None:
        passed[column] = own.outputs[column - 1](node)

    handles = [
        own.blocks[f"0,{j}"].register_forward_hook(
            lambda module, given, output, j=j: keep(j, output)
        )
        for j in range(1, depth)
    ]
    handles.append(
        own.register_forward_hook(
            lambda module, given, output: found.add(
                [passed.pop(j) for j in range(1, depth)], output
            )
        )
    )
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _labels(logits: Tensor) -> Tensor:
    """Likeliest label of every voxel, flat."""
    return to_labels(logits.sigmoid() if logits.shape[1] == 1 else logits).flatten()
