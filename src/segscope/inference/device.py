"""What ``--device`` and ``--level`` mean, and where a network lies."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import nn

from segscope.errors import InputError, WorkError

_NO_MEMORY = ("DefaultCPUAllocator", "out of memory")


class _HasNet(Protocol):
    @property
    def net(self) -> nn.Module: ...


class OnDevice:
    """What holds a network as ``net``."""

    @property
    def device(self: _HasNet) -> torch.device:
        """Where the weights lie."""
        first = next(self.net.parameters(), None)
        return torch.device("cpu") if first is None else first.device


def choose_device(device: str) -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps`` into a device that is there.

    Raises:
        InputError: It is not; those that are there are named.

    Example:
        >>> choose_device("cpu")
        device(type='cpu')
    """
    there = {
        "cpu": 1,
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }
    if device == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if there[kind]))
    kind, colon, index = device.partition(":")
    numbered = index.isdecimal() if colon else True
    if kind not in there or not numbered or int(index or 0) >= there[kind]:
        here = [k if n == 1 else f"{k}:0 to {k}:{n - 1}" for k, n in there.items() if n]
        raise InputError(f"--device {device}: is not here; here are {', '.join(here)}")
    return torch.device(device)


def has_bf16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 by instructions of its own.

    Example:
        >>> has_bf16(torch.device("meta"))
        False
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False


def parse_level(text: str | None) -> int | None:
    """Turn ``L2`` (or ``2``) into 2.

    Example:
        >>> parse_level("L2"), parse_level(None)
        (2, None)
    """
    if text is None:
        return None
    digits = text.upper().removeprefix("L")
    if not (digits.isascii() and digits.isdigit()):
        raise InputError(f"--level {text}: expected L1, L2, L3 or L4")
    return int(digits)


@contextmanager
def say_memory(device: torch.device, batch: int) -> Iterator[None]:
    """Turn the ways in which memory runs out into one error that says what to try.

    Args:
        device: That computes.
        batch: Of windows; where it is 1, it is not the remedy.

    Raises:
        WorkError: Memory ran out.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        # torch has a type of its own on CUDA, elsewhere it is a plain RuntimeError
        short = isinstance(error, torch.OutOfMemoryError | MemoryError)
        if not short and not any(sign in str(error) for sign in _NO_MEMORY):
            raise
        tries = ["--batch 1"] if batch > 1 else []
        tries += ["--device cpu"] if device.type != "cpu" else []
        said = f"try {' or '.join(tries)}, or " if tries else "crop the image, or "
        raise WorkError(f"memory ran out on {device}; {said}close other programs") from error
