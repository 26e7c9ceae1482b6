"""Weights in files: written whole, read without ever running what a file brings along.

safetensors holds tensors and nothing else. Torch's own files are pickles, which can run code when
they are opened: only those that hold nothing but tensors and plain values are read (also NumPy's
numbers, which nnU-Net's checkpoints have in their log), the others are refused and what they wanted
to import is named.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from segscope.data import atomic_path
from segscope.errors import InputError

_LISTED = 5
_IMPORT = re.compile(r"\bGLOBAL ([\w.]+)")
_SCALAR: Any = np.float64(0).__reduce__()[0]  # NumPy's own maker of numbers
_NUMBERS: list[Any] = [
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("f8", "f4", "i8", "i4", "?")),
    *((_SCALAR, f"numpy.{core}.multiarray.scalar") for core in ("_core", "core")),  # 2 and 1
]
_NESTED = ("state_dict", "model_state_dict", "network_weights")


def save_weights(file: Path, state: Mapping[str, Tensor]) -> None:
    """Replace a safetensors file, whole or not at all.

    Args:
        file: To write.
        state: From names to tensors on any device; they may not share memory.

    Raises:
        WorkError: The file system refused; the old file is as it was.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    with atomic_path(file) as temporary:
        save_file(tensors, temporary)


def load_weights(file: Path) -> dict[str, Tensor]:
    """Read a state dict from ``.safetensors``, or from a ``.pt`` or ``.pth`` of tensors alone.

    A torch file may hold the tensors under ``state_dict``, ``model_state_dict`` or
    ``network_weights`` beside plain values, as checkpoints of other programs do.

    Raises:
        InputError: Not there, damaged, or with pickled objects in it; these are named and never
            run.
    """
    file = Path(file)
    if not file.is_file():
        raise InputError(f"{file}: no such file of weights; check the path")
    ending = file.suffix.lower()
    if ending == ".safetensors":
        try:
            return load_file(file)
        except (SafetensorError, OSError) as error:
            raise InputError(f"{file}: is damaged ({error}); train or copy it again") from None
    if ending not in (".pt", ".pth"):
        raise InputError(f"{file}: weights are .safetensors, .pt or .pth files")
    return _tensors(file, _load_pickle(file))


def check_weights(file: Path, state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Check names, shapes and numbers of a state dict before a network takes it.

    Args:
        file: Named in the message.
        state: What was read.
        expected: The network's own state dict.

    Raises:
        InputError: With the first faults and how many there are.
    """
    faults = [f"{name}: is missing" for name in expected if name not in state]
    faults += [f"{name}: the network has no such tensor" for name in state if name not in expected]
    for name in sorted(set(state) & set(expected)):
        found, wanted = tuple(state[name].shape), tuple(expected[name].shape)
        if found != wanted:
            faults.append(f"{name}: shape {wanted} expected, {found} found")
        elif state[name].is_floating_point() and not state[name].isfinite().all():
            faults.append(f"{name}: holds NaN or infinities; the training diverged")
    if faults:
        rest = len(faults) - _LISTED
        raise InputError(
            f"{file}: does not fit the network of model.json; use the weights it was saved with",
            [*faults[:_LISTED], *([f"and {rest} more"] if rest > 0 else [])],
        )


def _load_pickle(file: Path) -> Any:
    try:
        with torch.serialization.safe_globals(_NUMBERS):
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes make an unpickler fail in any way
        wanted = _unsafe_names(file) or sorted(set(_IMPORT.findall(str(error))))
        if wanted:
            raise InputError(
                f"{file}: holds more than weights ({', '.join(wanted)}), which could run code and "
                "is never loaded; save net.state_dict() as .safetensors"
            ) from None
        # torch's own words advise to load it unsafely: they are not repeated
        raise InputError(
            f"{file}: is damaged or holds more than weights ({type(error).__name__}); save "
            "net.state_dict() as .safetensors"
        ) from None


def _unsafe_names(file: Path) -> list[str]:
    """Name what a torch file would import, by reading its bytes only."""
    try:
        with torch.serialization.safe_globals(_NUMBERS):
            return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(str(file)))
    except Exception:  # not a whole torch file: there is nothing to name
        return []


def _tensors(file: Path, found: Any) -> dict[str, Tensor]:
    if isinstance(found, dict):
        found = next((found[k] for k in _NESTED if isinstance(found.get(k), dict)), found)
        if found and all(isinstance(v, Tensor) for v in found.values()):
            return dict(found)
    raise InputError(f"{file}: is not a state dict of tensors; save net.state_dict()")
