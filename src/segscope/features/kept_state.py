"""What a network writes into itself while it runs: into copies, which are thrown away afterwards.

Counters, running means, caches of positions: buffers, or plain attributes. The network is given
copies of them instead of being mended afterwards, as what it returns may lie in such a buffer.
Parameters are not copied: they are large, and no forward pass writes to them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from segscope.features.layers import is_scripted

_TABLES = ("_buffers", "_parameters", "_modules")


@contextmanager
def state_kept(net: nn.Module) -> Iterator[None]:
    """Give a network its buffers and attributes back as they were, whatever it writes to them.

    What it has made by its first pass only (``Lazy`` layers) stays.

    Example:
        >>> net = nn.BatchNorm1d(1).train()
        >>> with state_kept(net):
        ...     _ = net(torch.ones(4, 1))
        >>> int(net.num_batches_tracked)
        0
    """
    kept = [(m, _Held(m)) for m in net.modules() if _has_begun(m)]
    copies: dict[int, Tensor] = {}  # one that several modules share stays shared
    try:
        for module, held in kept:
            held.lend(module, copies)
        yield
    finally:
        for module, held in kept:
            held.give_back(module)


class _Held:
    """What one module holds: objects, not values."""

    def __init__(self, module: nn.Module) -> None:
        self.script = is_scripted(module)
        self.attributes: dict[str, Any] = {} if self.script else dict(vars(module))
        self.tables = {} if self.script else {t: dict(getattr(module, t)) for t in _TABLES}
        self.buffers = dict(module.named_buffers(recurse=False, remove_duplicate=False))
        self.passing = set() if self.script else set(module._non_persistent_buffers_set)

    def lend(self, module: nn.Module, copies: dict[int, Tensor]) -> None:
        """Put copies in the place of what may be written to."""
        for name, buffer in self.buffers.items():
            if self.script:
                setattr(module, name, _copy(buffer, copies))
            else:
                module._buffers[name] = _copy(buffer, copies)
        for name, value in self.attributes.items():
            if isinstance(value, Tensor):
                vars(module)[name] = _copy(value, copies)

    def give_back(self, module: nn.Module) -> None:
        """Put everything back, and drop what is new."""
        if self.script:
            for name, buffer in self.buffers.items():
                setattr(module, name, buffer)
            return
        for name, table in self.tables.items():
            _as_before(getattr(module, name), table)
        _as_before(vars(module), self.attributes)
        module._non_persistent_buffers_set.clear()
        module._non_persistent_buffers_set.update(self.passing)


def _as_before(now: dict[str, Any], before: dict[str, Any]) -> None:
    for name in now.keys() - before.keys():
        del now[name]
    now.update(before)


def _has_begun(module: nn.Module) -> bool:
    """Whether it has all that it computes with: others make it when they first run."""
    held = (*module.parameters(recurse=False), *module.buffers(recurse=False))
    return not any(is_lazy(tensor) for tensor in held)


def _copy(tensor: Tensor, copies: dict[int, Tensor]) -> Tensor:
    if id(tensor) not in copies:
        with torch.no_grad():
            found = tensor.detach().clone()
        copies[id(tensor)] = found.requires_grad_(tensor.requires_grad)
    return copies[id(tensor)]
