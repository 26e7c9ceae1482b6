"""What each operation does to the axes of what it is given, by its name in torch."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from segscope.features.axes import (
    Axes,
    Call,
    concatenated,
    convolved,
    joined,
    labels,
    multiplied,
    named,
    permuted,
    resized,
    sizes,
    unknown_axes,
    viewed,
)

Rule = Callable[[Call], Axes]


def axes_after(operation: Any, call: Call) -> Axes:
    """Axes of an operation's result."""
    rule = _rule(operation._schema.name)
    if rule is None:
        return _alike(call, torch.Tag.pointwise in operation.tags)
    return rule(call)


def tensors(values: Any) -> Iterator[Tensor]:
    """All tensors among arguments or results, in lists too."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, (list, tuple)):
        yield from chain.from_iterable(tensors(value) for value in values)


def _alike(call: Call, pointwise: bool) -> Axes:
    """Keep axes where a result has the shape of what went in."""
    given = [*tensors(call.args), *tensors(tuple(call.kwargs.values()))]
    known = [axes for t in given if (axes := call.known(t)) is not None]
    if not pointwise and not any(sizes(axes) == call.shape for axes in known):
        return unknown_axes(call.shape)
    if len(known) == 1 and sizes(known[0]) == call.shape:
        return known[0]
    fitting = [axes for axes in known if _broadcasts(sizes(axes), call.shape)]
    return joined(tuple(fitting), call.shape)


def _broadcasts(shape: Sequence[int], whole: Sequence[int]) -> bool:
    pairs = zip(reversed(shape), reversed(whole), strict=False)
    return len(shape) <= len(whole) and all(size in (1, full) for size, full in pairs)


def _permute(call: Call) -> Axes:
    axes = call.axes()
    return permuted(axes, tuple(place % len(axes) for place in call.argument(1, "dims", ())))


def _transpose(call: Call) -> Axes:
    axes = call.axes()
    order = list(range(len(axes)))
    a, b = call.argument(1, "dim0", 0) % len(axes), call.argument(2, "dim1", 1) % len(axes)
    order[a], order[b] = b, a
    return permuted(axes, tuple(order))


def _turn(call: Call) -> Axes:
    return tuple(reversed(call.axes()))


def _view(call: Call) -> Axes:
    return viewed(call.axes(), call.shape)


def _resize(call: Call) -> Axes:
    axes = call.axes()
    return resized(axes, call.shape) if len(axes) == len(call.shape) else unknown_axes(call.shape)


def _expand(call: Call) -> Axes:
    axes = call.axes()
    return joined((axes,), call.shape) if len(axes) <= len(call.shape) else unknown_axes(call.shape)


def _repeat(call: Call) -> Axes:
    axes = call.axes()
    if len(axes) != len(call.shape):
        return unknown_axes(call.shape)
    grown = resized(axes, call.shape)
    # a grey image may be given three times as colours; places that are repeated are no places
    repeated = [now != before for now, before in zip(grown, axes, strict=True)]
    fresh = unknown_axes(call.shape)
    names = labels(grown)
    return tuple(
        fresh[p] if repeated[p] and names[p] != "c" else grown[p] for p in range(len(grown))
    )


def _unsqueeze(call: Call) -> Axes:
    axes = call.axes()
    place = call.argument(1, "dim", 0) % (len(axes) + 1)
    return (*axes[:place], *unknown_axes((1,)), *axes[place:])


def _stack(call: Call) -> Axes:
    parts = tuple(call.axes_of(part) for part in tensors(call.args[0]))
    place = call.argument(1, "dim", 0) % len(call.shape)
    axes = joined(parts, (*call.shape[:place], *call.shape[place + 1 :]))
    return (*axes[:place], *unknown_axes((call.shape[place],)), *axes[place:])


def _cat(call: Call) -> Axes:
    parts = [t for t in tensors(call.args[0]) if t.ndim == len(call.shape)]
    known = tuple(call.axes_of(part) for part in parts)
    return concatenated(known, call.argument(1, "dim", 0), call.shape)


def _drop(call: Call) -> Axes:
    """Lose axes: of one index, of size one, or of a sum."""
    axes = call.axes()
    if len(axes) == len(call.shape):  # kept with size one
        return resized(axes, call.shape)
    given = call.argument(1, "dim", None)
    if isinstance(given, Tensor):  # the larger of two tensors
        return _alike(call, pointwise=True)
    if given is None:
        return viewed(axes, call.shape)
    places = given if isinstance(given, (list, tuple)) else [given]
    gone = {place % len(axes) for place in places}
    kept = tuple(axis for place, axis in enumerate(axes) if place not in gone)
    return kept if len(kept) == len(call.shape) else unknown_axes(call.shape)


def _one(call: Call) -> Axes:
    axes = call.axes()
    place = call.argument(1, "dim", 0) % len(axes)
    return (*axes[:place], *axes[place + 1 :])


def _squeeze(call: Call) -> Axes:
    return viewed(call.axes(), call.shape)


def _convolution(call: Call) -> Axes:
    return convolved(call.axes(), call.shape)


def _channels_first(call: Call) -> Axes:
    return named(_alike(call, pointwise=False), 1)


def _layer_norm(call: Call) -> Axes:
    axes = _alike(call, pointwise=False)
    return (
        named(axes, len(axes) - 1) if len(call.argument(1, "normalized_shape", ())) == 1 else axes
    )


def _product(first: int) -> Rule:
    def rule(call: Call) -> Axes:
        return multiplied(call.axes(first), call.axes(first + 1), call.shape)

    return rule


def _linear(call: Call) -> Axes:
    axes = call.axes()
    flat = multiplied(axes, unknown_axes(tuple(reversed(call.args[1].shape))), call.shape)
    return (*axes[:-1], flat[-1])


def _recurrent(call: Call) -> Axes:
    axes = call.axes()
    return (*axes[:2], *named(unknown_axes(call.shape), 2)[2:])


def _attention(call: Call) -> Axes:
    return (*call.axes()[:-1], call.axes(2)[-1])


def _nothing(call: Call) -> Axes:
    return unknown_axes(call.shape)


_RULES: dict[str, Rule] = {
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "_reshape_alias", "flatten"), _view),
    **dict.fromkeys(("squeeze", "unflatten"), _squeeze),
    **dict.fromkeys(("slice", "narrow", "split", "split_with_sizes", "unsafe_split", "chunk",
                     "unsafe_split_with_sizes", "unsafe_chunk", "pad"), _resize),
    **dict.fromkeys(("select", "unbind"), _one),
    **dict.fromkeys(("mean", "sum", "amax", "amin", "var", "std", "prod", "logsumexp", "max", "min",
                     "any", "all", "argmax", "argmin", "median", "var_mean", "std_mean", "nansum"),
                    _drop),
    **dict.fromkeys(("expand", "broadcast_to"), _expand),
    "repeat": _repeat,
    **dict.fromkeys(("index", "gather", "take", "index_select", "sort", "topk", "unfold", "im2col",
                     "col2im", "as_strided", "repeat_interleave", "diagonal"), _nothing),
    **dict.fromkeys(("mm", "bmm", "matmul"), _product(0)),
    **dict.fromkeys(("addmm", "baddbmm", "_addmm_activation"), _product(1)),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu", "mkldnn_rnn_layer", "_cudnn_rnn"),
                    _recurrent),
    "permute": _permute,
    "transpose": _transpose,
    "t": _turn,
    "unsqueeze": _unsqueeze,
    "stack": _stack,
    "cat": _cat,
    "linear": _linear,
    "native_layer_norm": _layer_norm,
    "native_group_norm": _channels_first,
}  # fmt: skip

_STARTS: tuple[tuple[str, Rule], ...] = (
    *((start, _convolution) for start in (
        "convolution", "_convolution", "mkldnn_convolution", "cudnn_convolution", "conv1d",
        "conv2d", "conv3d", "conv_transpose", "slow_conv", "thnn_conv", "_slow_conv",
    )),
    *((start, _channels_first) for start in (
        "batch_norm", "native_batch_norm", "_native_batch_norm", "_batch_norm", "cudnn_batch_norm",
        "miopen_batch_norm",
    )),
    *((start, _resize) for start in (
        "max_pool", "avg_pool", "adaptive_", "_adaptive_", "upsample_", "_upsample_",
        "constant_pad", "reflection_pad", "replication_pad", "fractional_max_pool", "grid_sampler",
        "pixel_", "mkldnn_max_pool", "mkldnn_adaptive", "max_unpool", "quantized_max_pool",
    )),
    ("_scaled_dot_product", _attention),
    ("scaled_dot_product", _attention),
)  # fmt: skip


@lru_cache(maxsize=1024)
def _rule(name: str) -> Rule | None:
    """Find the rule of an operation, as ``aten::relu_``; None for those that keep the shape."""
    plain = name.removeprefix("aten::").removesuffix("_")
    return _RULES.get(plain) or next((r for start, r in _STARTS if plain.startswith(start)), None)
