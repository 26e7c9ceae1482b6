"""Running somebody's network without leaving a trace: its mode and state, random numbers, image."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from segscope.features.kept_state import state_kept
from segscope.features.layers import inner, is_scripted

_OTHERS = ("memory", "CUDA", "inplace", "in-place")


class _Taken(BaseException):
    """The image has come to a layer with weights; the network need not run on."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Evaluation mode within; modes, buffers and the random numbers as before afterwards.

    Example:
        >>> net = nn.Sequential(nn.Dropout()).train()
        >>> with untouched(net):
        ...     net[0].training
        False
        >>> net[0].training
        True
    """
    net = inner(model)
    # by module: a network's own train() may do other things; frozen scripts have no mode
    modes = [(m, m.training) for m in (model, *net.modules()) if hasattr(m, "training")]
    with torch.random.fork_rng(devices=_gpus(net)), state_kept(net):
        try:
            _evaluate(net)
            yield
        finally:
            for module, training in modes:
                module.training = training


def _evaluate(net: nn.Module) -> None:
    try:
        net.eval()
    except (NotImplementedError, AttributeError) as error:  # exported, or a frozen script
        if not is_scripted(net):
            raise ValueError(
                f"the network cannot be turned to evaluation mode ({error}); give the network that "
                "it was made from"
            ) from error


def run(net: nn.Module, x: Tensor) -> Any:
    """Run a network on an image, as it takes it; see `taken`.

    Raises:
        ValueError: The network does not take such an image, or the device not its number type.
    """
    given = taken(net, x)
    with input_errors(net, given):
        return net(given)


@contextmanager
def input_errors(net: nn.Module, x: Tensor) -> Iterator[None]:
    """Turn what a network raises on an image that it cannot take into a ValueError."""
    try:
        yield
    except (ValueError, MemoryError):
        raise
    except Exception as error:
        text = str(error).strip().partition("\n")[0]
        # a lack of memory, a broken device and what cannot be differentiated are other things
        if isinstance(error, torch.OutOfMemoryError) or any(word in text for word in _OTHERS):
            raise
        if not isinstance(error, RuntimeError):
            text = f"{type(error).__name__}: {text}"
        if "not implemented for" in text:
            raise ValueError(
                f"the network cannot be computed in {_plain(x.dtype)} on {x.device} ({text}); turn "
                "it into float32 with .float()"
            ) from error
        raise ValueError(
            f"the network fails on an image of shape {tuple(x.shape)}, {_plain(x.dtype)}: {text}"
        ) from error


def first_tensor(inputs: tuple[Any, ...], named: dict[str, Any]) -> Tensor | None:
    """Take the first tensor that a module is given, by place or by name."""
    return next((x for x in (*inputs, *named.values()) if isinstance(x, Tensor)), None)


def taken(net: nn.Module, x: Tensor) -> Tensor:
    """Copy an image to the network's device and number type; networks may write into it.

    Args:
        net: Unwrapped.
        x: ``(N, C, *S)`` of any real number type.

    Raises:
        ValueError: A quantised network; values that are not finite, or not in that number type.

    Example:
        >>> taken(nn.Conv1d(1, 1, 1).double(), torch.zeros(1, 1, 4)).dtype
        torch.float64
    """
    refuse_quantised(net)
    if x.is_complex() or x.is_quantized or x.layout != torch.strided:
        raise ValueError(f"image: expected plain real numbers, got {_plain(x.dtype)}, {x.layout}")
    device = device_of(net) or x.device
    if "meta" in (device.type, x.device.type):
        raise ValueError("the network or the image is on the device meta: it holds no numbers")
    dtype = _image_dtype(net, x.detach().to(device))
    copy = x.detach().to(device=device, dtype=dtype, copy=True)
    if not copy.isfinite().all():
        raise ValueError(
            f"image: has values that are not finite in {_plain(dtype)}, in which the network "
            "computes; replace them first"
        )
    return copy


def device_of(net: nn.Module) -> torch.device | None:
    """Where a network's first weights lie; None where it has none."""
    held = next(chain(net.parameters(), net.buffers()), None)
    return None if held is None else held.device


def refuse_quantised(net: nn.Module) -> None:
    """Refuse networks whose weights are whole numbers with a scale.

    Raises:
        ValueError: It is one.
    """
    for name, module in net.named_modules():
        held = (*module.parameters(recurse=False), *module.buffers(recurse=False))
        if ".quantized" in type(module).__module__ or any(t.is_quantized for t in held):
            raise ValueError(
                f"the network is quantised ({name or 'itself'}: {type(module).__name__}); give the "
                "network of floating point numbers that it was made from"
            )


def _image_dtype(net: nn.Module, x: Tensor) -> torch.dtype:
    """Number type of the first layer with weights that the image comes to."""
    held: list[Tensor] = [t for t in net.parameters() if t.is_floating_point()]
    held = held or [t for t in net.buffers() if t.is_floating_point()]
    kinds = list(dict.fromkeys(t.dtype for t in held))
    if len(kinds) < 2:
        return kinds[0] if kinds else torch.float32
    handles = [
        module.register_forward_pre_hook(_stop, with_kwargs=True)
        for module in net.modules()
        # a norm takes any: what counts is a product with weights
        if any(p.is_floating_point() and p.ndim > 1 for p in module.parameters(recurse=False))
    ]
    try:
        for kind in kinds:
            found = _first_weights(net, x.to(kind, copy=True))
            if found is not None:
                return found
    finally:
        for handle in handles:
            handle.remove()
    return kinds[0]


def _first_weights(net: nn.Module, x: Tensor) -> torch.dtype | None:
    try:
        with torch.no_grad():
            net(x)
    except _Taken as taken_by:
        return taken_by.dtype
    except RuntimeError:
        return None  # a norm before did not take this number type; another may do
    return None


def _stop(module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
    weights = next(p for p in module.parameters(recurse=False) if p.is_floating_point())
    if first_tensor(inputs, named) is not None:
        raise _Taken(weights.dtype)


def _gpus(net: nn.Module) -> list[torch.device]:
    return sorted({t.device for t in net.parameters() if t.device.type == "cuda"}, key=str)


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
