"""Reading layers' features while a network runs: hooks that are always removed."""

import difflib
import weakref
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Literal, Self

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.instancenorm import _InstanceNorm

Layers = Literal["auto"] | Sequence[str] | type[nn.Module]

_ACTIVATIONS = (
    nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ReLU6, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU,
    nn.Mish, nn.Softplus, nn.Hardswish, nn.Hardsigmoid, nn.Sigmoid, nn.Tanh,
)  # fmt: skip
_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)
_NORMS = (_BatchNorm, _InstanceNorm, nn.GroupNorm, nn.LayerNorm)


class Taps:
    """Hands on the features of chosen layers as they pass by.

    Use it as a context manager around forward passes; its hooks are gone afterwards, also after an
    error. A module that runs several times in one pass is named ``name``, ``name#2``, ...

    Args:
        model: Any network; wrapped (DataParallel, DDP, compiled) ones are unwrapped, see `inner`.
        layers: ``"auto"``: every activation after a convolution and its norm (transposed
            convolutions, which only enlarge, are left out); where a network has no activation
            modules, every norm, or else every convolution. Tokens of transformers are no maps. Or
            names of modules, or their type.
        receive: Called with name and features ``(N, C, *s)``. Where not given they are kept in
            `features`, with their graph, until the next pass.

    Raises:
        ValueError: No such layer (the nearest names are offered), or none of this type.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 1, 1))
        >>> with Taps(net, "auto") as taps:
        ...     _ = net(torch.zeros(1, 1, 8, 8))
        >>> {name: tuple(f.shape) for name, f in taps.features.items()}
        {'1': (1, 4, 6, 6)}
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Layers = "auto",
        receive: Callable[[str, Tensor], None] | None = None,
    ) -> None:
        self.features: dict[str, Tensor] = {}
        self._model = inner(model)
        self._chosen = _choose(self._model, layers)
        self._auto = layers == "auto"
        self._receive = receive or self.features.__setitem__
        self._calls: dict[str, int] = {}
        self._enlarged: list[weakref.ref[Tensor]] = []
        self._tokens: list[weakref.ref[Tensor]] = []
        self._axes: int | None = None
        self._handles: list[Any] = []

    def __enter__(self) -> Self:
        begin = self._model.register_forward_pre_hook(lambda module, inputs: self._begin(inputs))
        self._handles = [begin]
        for module in self._model.modules():
            if isinstance(module, nn.Linear):
                self._handles.append(module.register_forward_hook(self._remember_tokens))
        if self._auto:
            for module in self._model.modules():
                if isinstance(module, (_ConvTransposeNd, *_NORMS)):
                    self._handles.append(module.register_forward_hook(self._follow))
        for name, module in self._chosen.items():
            self._handles.append(module.register_forward_hook(self._passing(name)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _begin(self, inputs: tuple[Any, ...]) -> None:
        self.features.clear()
        self._calls.clear()
        self._enlarged.clear()
        self._tokens.clear()
        first = inputs[0] if inputs else None
        self._axes = first.ndim if isinstance(first, Tensor) else None

    def _remember_tokens(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Remember what has its channels last, as the tokens of a transformer."""
        if isinstance(output, Tensor):
            self._tokens.append(weakref.ref(output))

    def _is_map(self, found: object, module: nn.Module, inputs: tuple[Any, ...]) -> bool:
        """Whether it is laid out as ``(N, C, *s)``, with as many axes as the network's input."""
        if not isinstance(found, Tensor) or found.ndim < 3:
            return False
        if self._axes is not None and found.ndim != self._axes:
            return False
        if isinstance(module, nn.LayerNorm):
            return _norm_has_channels_first(module, found)
        of_tokens = isinstance(module, nn.Linear) or any(k() is inputs[0] for k in self._tokens)
        return not of_tokens

    def _follow(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Remember what comes from a transposed convolution, through its norm."""
        if isinstance(module, _ConvTransposeNd) or self._is_enlarged(inputs[0]):
            self._enlarged.append(weakref.ref(output))

    def _is_enlarged(self, x: object) -> bool:
        return any(known() is x for known in self._enlarged)

    def _passing(self, name: str) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
        def passing(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            found = output[0] if isinstance(output, (tuple, list)) else output
            spatial = self._is_map(found, module, inputs)
            if self._auto and (not spatial or self._is_enlarged(inputs[0])):
                return
            if not spatial:
                what = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
                raise ValueError(
                    f"layer {name}: its output is no feature map (N, C, *s) but {what}; tokens and "
                    "maps with their channels last cannot be read"
                )
            self._calls[name] = self._calls.get(name, 0) + 1
            count = self._calls[name]
            self._receive(name if count == 1 else f"{name}#{count}", found)

        return passing


def _norm_has_channels_first(module: nn.LayerNorm, found: Tensor) -> bool:
    """Tell ``(N, C, *s)`` from ``(N, *s, C)`` by what the norm is over."""
    over = tuple(module.normalized_shape)
    if found.shape[1] != over[0]:
        return False
    # a norm of one axis is over the last; those for maps turn it there, and say so in their name
    last = len(over) == 1 and found.shape[-1] == over[0]
    return not last or type(module).__name__.endswith(("2d", "3d"))


def inner(model: nn.Module) -> nn.Module:
    """Unwrap a network from DataParallel, DistributedDataParallel and torch.compile.

    Example:
        >>> net = nn.Conv1d(1, 1, 1)
        >>> inner(nn.DataParallel(net)) is net
        True
    """
    while True:
        wrapped = getattr(model, "_orig_mod", None)
        if wrapped is None and isinstance(model, _WRAPPERS):
            wrapped = model.module
        if not isinstance(wrapped, nn.Module):
            return model
        model = wrapped


def feature_names(model: nn.Module, layers: Layers, x: Tensor) -> list[str]:
    """Names of the layers that `Taps` reads, in the order in which they run on ``x``.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Conv1d(1, 2, 1), nn.ReLU())
        >>> feature_names(net, "auto", torch.zeros(1, 1, 4))
        ['1']
    """
    import torch

    names: list[str] = []
    with torch.no_grad(), Taps(model, layers, lambda name, features: names.append(name)):
        inner(model)(x)
    return names


def _choose(model: nn.Module, layers: Layers) -> dict[str, nn.Module]:
    named = {name: module for name, module in model.named_modules() if name}
    if isinstance(layers, type):
        chosen = {name: module for name, module in named.items() if isinstance(module, layers)}
        if not chosen:
            raise ValueError(f"layers: the network has no {layers.__name__}")
        return chosen
    if isinstance(layers, str):
        if layers != "auto":
            raise ValueError(f"layers must be 'auto', a list of names or a type, got {layers!r}")
        return _automatic(named)
    unknown = [name for name in layers if name not in named]
    if unknown:
        near = difflib.get_close_matches(unknown[0], named, n=3, cutoff=0.0)
        raise ValueError(f"layers: there is no {unknown[0]!r}; near are {', '.join(near)}")
    return {name: named[name] for name in layers}


def _automatic(named: dict[str, nn.Module]) -> dict[str, nn.Module]:
    for kinds in (_ACTIVATIONS, _NORMS, _ConvNd):
        found: dict[str, nn.Module] = {
            name: module
            for name, module in named.items()
            if isinstance(module, kinds) and not isinstance(module, _ConvTransposeNd)
        }
        if found:
            return found
    raise ValueError("layers: the network has no activation, norm or convolution; name layers")
