"""Watching a network's operations while it runs: what axes stand for, and what is written over.

Layers' outputs are read after the network has gone on, and operations in place would have changed
them by then. Copies of all would cost a second set of features; so a copy is made of an output only
when something is about to be written into its memory, just before that.
"""

import sys
import weakref
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from segscope.features.axes import Axes, Call, image_axes, named, sizes, unknown_axes
from segscope.features.operations import axes_after, tensors

_Key = tuple[int, int, tuple[int, ...], tuple[int, ...]]


class Watch(TorchDispatchMode):
    """Sees each operation; use it as a context around one forward pass.

    Args:
        image: What the network is given, ``(N, C, *S)``.
    """

    supports_higher_order_operators = True

    def __init__(self, image: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._axes: dict[_Key, Axes] = {}
        self._memory: dict[int, StorageWeakRef] = {}
        self._kept: dict[int, list[tuple[weakref.ref[Tensor], Tensor]]] = {}
        self._remember(image, image_axes(tuple(image.shape)))

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def axes_of(self, x: Tensor) -> Axes:
        """What is known of a tensor's axes."""
        return self._known(x) or unknown_axes(tuple(x.shape))

    def tell_steps(self, given: Tensor, steps: Tensor) -> None:
        """Learn that a tensor has the first two axes of another and channels on its last."""
        if given.ndim == steps.ndim == 3 and given.shape[:2] == steps.shape[:2]:
            last = named(unknown_axes(tuple(steps.shape)), 2)[2:]
            self._remember(steps, (*self.axes_of(given)[:2], *last))

    def keep(self, x: Tensor) -> Tensor:
        """Hand out a tensor whose values and graph stay as they are now, whatever comes.

        It shares the memory of ``x`` until something is written there.
        """
        kept: Tensor = _Same.apply(x) if x.requires_grad and torch.is_grad_enabled() else x.detach()
        memory = _memory(x)
        if memory is None:
            return x.clone()
        self._hold(memory, x)
        self._kept.setdefault(memory, []).append((weakref.ref(kept), _sum(kept)))
        return kept

    def check(self) -> None:
        """Refuse what was written past torch, as through NumPy: that is not seen here.

        Raises:
            ValueError: A tensor that was kept has other values now.
        """
        for kept in self._kept.values():
            for reference, before in kept:
                now = reference()
                if now is not None and not torch.equal(_sum(now).nan_to_num(), before.nan_to_num()):
                    raise ValueError(
                        "the network writes over its features in a way that is not seen (through "
                        "NumPy or an extension of its own); use features as they pass by: "
                        "low_memory=True of an audit, --low-memory, or receive of FeatureHooks"
                    )

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if not hasattr(func, "_schema"):  # made of other functions, which come by themselves
            with self:
                return func(*args, **kwargs)
        if torch.is_inference_mode_enabled():
            # operations made of others come whole there; look at their parts
            with self:
                found = func.decompose(*args, **kwargs)
            if found is not NotImplemented:
                return found
        if self._kept:
            self._save_what_is_written(func, args, kwargs)
        had: dict[int, Axes | None] = {}
        if torch.Tag.inplace_view in func.tags:  # a tensor will have other axes than it had
            had = {id(t): self._known(t) for t in tensors(args)}
        result = func(*args, **kwargs)
        self._follow(func, args, kwargs, result, had)
        return result

    def _save_what_is_written(self, func: Any, args: tuple[Any, ...], kwargs: Any) -> None:
        for place, name in _written_by(func):
            given = args[place] if place < len(args) else kwargs.get(name)
            for written in tensors(given):
                memory = _memory(written)
                for reference, _ in self._kept.pop(memory, ()) if memory is not None else ():
                    kept = reference()
                    if kept is not None:
                        kept.data = kept.detach().clone()

    def _known(self, x: Tensor) -> Axes | None:
        key = _key(x)
        return None if key is None else self._axes.get(key)

    def _follow(
        self,
        func: Any,
        args: tuple[Any, ...],
        kwargs: Any,
        result: Any,
        had: dict[int, Axes | None],
    ) -> None:
        def known(x: Tensor) -> Axes | None:
            return had[id(x)] if id(x) in had else self._known(x)

        for one in tensors(result):
            shape = tuple(one.shape)
            call = Call(args, kwargs, shape, known)
            try:
                axes = axes_after(func, call)
            except (IndexError, TypeError, AttributeError, ValueError):
                axes = unknown_axes(shape)  # called in a way that the rules do not know
            # of several results some are other things
            self._remember(one, axes if sizes(axes) == shape else unknown_axes(shape))

    def _remember(self, x: Tensor, axes: Axes) -> None:
        key = _key(x)
        if key is None:
            return
        if any(axis[0][0] != "?" for axis in axes):
            self._hold(key[0], x)
            self._axes[key] = axes
        else:
            self._axes.pop(key, None)

    def _hold(self, memory: int, x: Tensor) -> None:
        """Keep the memory's number from being given to another, but not the memory."""
        if memory not in self._memory:
            self._memory[memory] = StorageWeakRef(x.untyped_storage())


class _WatchBesideCompiler(Watch):
    """The same where parts of the network may be compiled: the compiler keeps out of this."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return True

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return super().__torch_dispatch__(func, types, args, kwargs)


def watching(image: Tensor) -> Watch:
    """Watch a pass over an image."""
    # what is compiled has loaded the compiler; else it would be loaded for nothing, for a second
    return (_WatchBesideCompiler if "torch._dynamo" in sys.modules else Watch)(image)


class _Same(torch.autograd.Function):
    """The same values with the graph as it is now: later changes in place do not reach it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.detach()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


@lru_cache(maxsize=1024)
def _written_by(func: Any) -> tuple[tuple[int, str], ...]:
    """Places and names of the arguments that an operation writes into."""
    return tuple(
        (place, argument.name)
        for place, argument in enumerate(func._schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    )


def _sum(x: Tensor) -> Tensor:
    """Sum all values, to tell later whether they are the same."""
    wide = torch.promote_types(x.dtype, torch.float32) if x.is_floating_point() else torch.int64
    return x.detach().sum(dtype=wide)


def _memory(x: Tensor) -> int | None:
    """Number of the memory that a tensor lies in; None where it has none of its own."""
    if x.layout != torch.strided:
        return None
    try:
        return int(x.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):
        return None


def _key(x: Tensor) -> _Key | None:
    memory = _memory(x)
    if memory is None:
        return None
    return memory, int(x.storage_offset()), tuple(x.shape), x.stride()
