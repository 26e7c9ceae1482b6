"""Reading layers' features while a network runs: hooks that are always removed."""

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd

from segscope.features.axes import reading_order
from segscope.features.layers import NORMS, Chosen, Layers, PassedBy, choose, inner, run_name
from segscope.features.untouched import first_tensor, run, untouched
from segscope.features.watch import Watch, watching


@dataclass(frozen=True)
class Passing:
    """A layer's output as it passes by.

    Args:
        name: Of the layer, with its run where that is not the first.
        output: As the network has it.
        order: Its axes in the order ``(N, C, *s)``; None where it is no map.
    """

    name: str
    output: Any
    order: tuple[int, ...] | None

    def turned(self, x: Tensor) -> Tensor:
        """Turn what is laid out as the output to ``(N, C, *s)``.

        Raises:
            ValueError: The output is no map.
        """
        if self.order is None:
            raise ValueError(_no_map(self.name, self.output))
        return x if self.order == tuple(range(x.ndim)) else x.permute(self.order)


class FeatureHooks:
    """Hands on the features of chosen layers as they pass by.

    Use it as a context manager around forward passes; its hooks are gone afterwards, also after an
    error. A module that runs several times in one pass is named ``name``, ``name#2``, ...

    What is read is what the layer gave, whatever the network writes into it later (``inplace``
    modules and functions, ``+=``, slices): memory is shared until then, and copied just before.
    Where the operations cannot be seen (a compiled network, or one that is not called as a whole)
    features that are kept are copies, and ``receive`` gets them as they are.

    Args:
        model: Any network; wrapped (DataParallel, DDP, compiled) ones are unwrapped, see `inner`.
        layers: ``"auto"``: every activation after a convolution and its norm (transposed
            convolutions, which only enlarge, are left out); where a network has no activation
            modules, every norm, or else every convolution; those whose maps have their channels
            first. Of a layer that repeats itself (``layer_runs``, as in R2U-Net) this is the last
            run, so that it counts once. Or names (``name#2`` is the second run only), modules, or a
            type of modules: maps with their channels last are turned.
        receive: Called with name and features ``(N, C, *s)``. Where not given they are kept in
            `features`, with their graph, until the next pass.
        watch: Called with each `Passing` instead; what it returns takes the output's place.

    Raises:
        ValueError: No such layer (the nearest names are offered), or none of this type; an output
            that is no map, or whose axes cannot be told apart; a layer that was named and did not
            run.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 1, 1))
        >>> with FeatureHooks(net, "auto") as taps:
        ...     _ = net(torch.zeros(1, 1, 8, 8))
        >>> {name: tuple(f.shape) for name, f in taps.features.items()}
        {'1': (1, 4, 6, 6)}
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Layers = "auto",
        receive: Callable[[str, Tensor], None] | None = None,
        *,
        watch: Callable[[Passing], Tensor | None] | None = None,
    ) -> None:
        self.features: dict[str, Tensor] = {}
        self._model = inner(model)
        self._chosen = choose(self._model, layers)
        self._auto = layers == "auto" if isinstance(layers, str) else False
        self._named = not self._auto and not isinstance(layers, type)
        self._receive = receive
        self._watch = watch
        self._calls: dict[str, int] = {}
        self._enlarged: list[weakref.ref[Tensor]] = []
        self._image: tuple[int, ...] | None = None
        self._seeing: Watch | None = None
        self._depth = 0
        self._passes = 0
        self._handles: list[Any] = []

    def __enter__(self) -> Self:
        self._handles = [
            self._model.register_forward_pre_hook(self._begin, with_kwargs=True),
            self._model.register_forward_hook(self._end, always_call=True),
        ]
        for module in self._model.modules():
            if isinstance(module, nn.RNNBase):
                self._handles.append(module.register_forward_hook(self._recur, with_kwargs=True))
        if self._auto:
            for module in self._model.modules():
                if isinstance(module, (_ConvTransposeNd, *NORMS)):
                    self._handles.append(
                        module.register_forward_hook(self._follow, with_kwargs=True)
                    )
        for name, chosen in self._chosen.items():
            hook = self._passing(name, chosen)
            self._handles.append(chosen.module.register_forward_hook(hook, with_kwargs=True))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._close()
        for handle in self._handles:
            handle.remove()
        self._handles = []
        if kind is None and self._named and self._passes:
            self._check_that_all_ran()

    def _begin(self, module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        if self._depth:  # the network calls itself
            self._depth += 1
            return
        self.features.clear()
        self._calls.clear()
        self._enlarged.clear()
        self._passes += 1
        image = first_tensor(inputs, named)
        self._image = None if image is None else tuple(image.shape)
        if image is not None and image.ndim > 2 and not torch.compiler.is_compiling():
            self._seeing = watching(image)
            self._seeing.__enter__()  # type: ignore[no-untyped-call]
        self._depth = 1

    def _end(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        self._depth -= 1
        seeing = self._seeing
        if self._depth <= 0:
            self._close()
            if seeing is not None and output is not None:
                seeing.check()

    def _close(self) -> None:
        self._depth = 0
        if self._seeing is not None:
            self._seeing.__exit__(None, None, None)  # type: ignore[no-untyped-call]
            self._seeing = None

    def _follow(
        self, module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], output: Any
    ) -> None:
        """Remember what comes from a transposed convolution, through its norm."""
        enlarges = isinstance(module, _ConvTransposeNd)
        if enlarges or self._is_enlarged(first_tensor(inputs, named)):
            self._enlarged.append(weakref.ref(output))

    def _recur(
        self, module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], output: Any
    ) -> None:
        """Know what operations step by step do not tell: a recurrent layer keeps its places."""
        given = first_tensor(inputs, named)
        if self._seeing is not None and given is not None:
            self._seeing.tell_steps(given, output[0])

    def _is_enlarged(self, x: object) -> bool:
        return x is not None and any(known() is x for known in self._enlarged)

    def _passing(self, name: str, chosen: Chosen) -> Callable[..., Any]:
        def passing(
            module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], output: Any
        ) -> Any:
            given = first_tensor(inputs, named)
            found = output[0] if isinstance(output, (tuple, list)) and output else output
            order = self.order_of(found, module)
            if self._auto and (not is_plain(order) or self._is_enlarged(given)):
                return None
            run = self._calls[name] = self._calls.get(name, 0) + 1
            if not chosen.wants(run):
                return None
            return self._hand_on(Passing(run_name(name, run), found, order), output)

        return passing

    def order_of(self, found: object, module: nn.Module) -> tuple[int, ...] | None:
        """Tell which axes of an output are ``(N, C, *s)``; None where it is no map."""
        if not isinstance(found, Tensor) or found.ndim < 3 or not _has_numbers(found):
            return None
        told = isinstance(module, PassedBy) and module.channels_first
        if self._seeing is not None and self._image is not None and not told:
            if found.ndim != len(self._image):
                return None
            return reading_order(self._seeing.axes_of(found), self._image)
        if self._image is not None and found.ndim != len(self._image):
            return None
        # nothing was seen: only what cannot have its channels first is known by its kind
        last = isinstance(module, (nn.Linear, nn.LayerNorm, nn.RNNBase, nn.TransformerEncoderLayer))
        return None if last else tuple(range(found.ndim))

    def _hand_on(self, passing: Passing, output: Any) -> Any:
        if self._watch is not None:
            other = self._watch(passing)
            return None if other is None else _put_in(output, other)
        features = passing.turned(passing.output)
        if self._seeing is not None:
            features = self._seeing.keep(features)
        if self._receive is not None:
            self._receive(passing.name, features)
        else:
            self.features[passing.name] = features if self._seeing is not None else features.clone()
        return None

    def _check_that_all_ran(self) -> None:
        for name, chosen in self._chosen.items():
            ran = self._calls.get(name, 0)
            last = max(chosen.runs or {1})
            if last > ran:
                raise ValueError(_did_not_run(run_name(name, last), ran))


def is_plain(order: tuple[int, ...] | None) -> bool:
    """Whether an output is a map as it is."""
    return order is not None and order == tuple(range(len(order)))


def feature_names(model: nn.Module, layers: Layers, x: Tensor) -> list[str]:
    """Names of the layers that `FeatureHooks` reads, in the order in which they run on ``x``.

    The network's mode is as before afterwards, and so is ``x``.

    Example:
        >>> net = nn.Sequential(nn.Conv1d(1, 2, 1), nn.ReLU())
        >>> feature_names(net, "auto", torch.zeros(1, 1, 4))
        ['1']
    """
    names: list[str] = []
    hooks = FeatureHooks(model, layers, lambda name, features: names.append(name))
    with untouched(model), torch.no_grad(), hooks:
        run(inner(model), x)
    return names


def _has_numbers(x: Tensor) -> bool:
    return not x.is_complex() and not x.is_quantized


def _no_map(name: str, found: object) -> str:
    what = str(tuple(found.shape)) if isinstance(found, Tensor) else type(found).__name__
    if isinstance(found, Tensor) and not _has_numbers(found):
        what += f" of {found.dtype}".replace("torch.", "")
    return (
        f"layer {name}: its output is no feature map (N, C, *s) but {what}; tokens, and maps of "
        "which it is not certain which axis holds channels, cannot be read; name another layer"
    )


def _did_not_run(name: str, ran: int) -> str:
    times = "not at all" if not ran else "once" if ran == 1 else f"{ran} times"
    return f"layer {name}: does not run on this image (it runs {times}); name another layer"


def _put_in(output: Any, other: Tensor) -> Any:
    """Replace the first of several outputs, or the only one."""
    if isinstance(output, tuple):
        rest = (other, *output[1:])
        return type(output)(*rest) if hasattr(output, "_fields") else rest
    return [other, *output[1:]] if isinstance(output, list) else other
