"""What ``--device`` and ``--level`` mean."""

import torch

from segscope.errors import InputError


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
