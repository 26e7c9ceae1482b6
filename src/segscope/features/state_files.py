"""Files of weights, read without ever running what a file brings along.

safetensors holds tensors and nothing else. Torch's own files are pickles, which can run code when
they are opened: only those that hold nothing but tensors and plain values are read (also NumPy's
numbers, which nnU-Net's checkpoints have in their log), the others are refused and what they wanted
to import is named.
"""

import re
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from segscope.errors import InputError
from segscope.paths import opened as opened_file

ENDINGS = (".safetensors", ".pt", ".pth", ".ckpt", ".bin", ".tar")
"""Of files that are opened; what they are is seen from their content."""

_IMPORT = re.compile(r"\bGLOBAL ([\w.]+)")
_SCALAR: Any = np.float64(0).__reduce__()[0]  # NumPy's own maker of numbers
_NUMBERS: list[Any] = [
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("f8", "f4", "i8", "i4", "?")),
    *((_SCALAR, f"numpy.{core}.multiarray.scalar") for core in ("_core", "core")),  # 2 and 1
]
# where checkpoints of other programs have their weights
_NESTED = (
    "state_dict", "model_state_dict", "network_weights", "model_state", "model_weights",
    "net_state_dict", "model", "net", "network", "weights", "params", "generator",
    "ema", "ema_model", "model_ema", "state_dict_ema", "ema_state_dict", "params_ema",
)  # fmt: skip
_DEEPEST = 3
_UNPACKED = 8  # times a torch file's size: it is not compressed by those who write it
_PLAIN = "save net.state_dict() as .safetensors"


class Weights(dict[str, Tensor]):
    """Tensors by name, as a file holds them.

    Args:
        tensors: By name.
        notes: What was chosen or left out when they were read, in sentences.
        facts: Text that the file carries beside them (safetensors' metadata).
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        notes: tuple[str, ...] = (),
        facts: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(tensors)
        self.notes, self.facts = notes, dict(facts or {})


def read_weights(file: Path, *, mapped: bool = False) -> Weights:
    """Read a state dict from ``.safetensors``, or from a torch file of tensors alone.

    A torch file (``.pt``, ``.pth``, ``.ckpt``, ``.bin``, ``.pth.tar``) may hold the tensors beside
    plain values, or under a name of its own (``state_dict``, ``model``, ``ema``, ...), as
    checkpoints of other programs do.

    Args:
        file: To read.
        mapped: Leave a torch file's tensors on disk until they are used.

    Raises:
        InputError: Not there, damaged, or with pickled objects in it; these are named and never
            run. Several sets of weights: which there are is said.
    """
    file = Path(file)
    if not file.is_file():
        raise InputError(f"{file}: no such file of weights; check the path")
    with opened_file(file):  # what may not be read is not damaged
        pass
    ending = file.suffix.lower()
    if ending not in ENDINGS:
        raise InputError(f"{file}: weights are {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]} files")
    if ending == ".safetensors" or _is_safetensors(file):
        return _safe(file)
    return _chosen(file, _load_pickle(file, mapped), ())


def read_checkpoint(file: Path) -> Mapping[str, Any]:
    """Read all of a torch checkpoint: tensors, which stay on disk until used, and plain values.

    Every byte of it is checked against the archive's own sums.

    Raises:
        InputError: As of `read_weights`; it is no mapping of names.
    """
    file = Path(file)
    with opened_file(file):  # what may not be read is not damaged
        pass
    if _check_archive(file):
        _check_sums(file)
    found = _load_pickle(file, mapped=True)
    if not isinstance(found, Mapping) or not all(isinstance(key, str) for key in found):
        raise InputError(f"{file}: is no checkpoint (it holds a {type(found).__name__}); check the "
                         "path")  # fmt: skip
    return found


def _check_sums(file: Path) -> None:
    try:
        with zipfile.ZipFile(file) as packed:
            broken = packed.testzip()
    except Exception as error:  # damaged bytes make an unpacker fail in any way
        raise InputError(f"{file}: is damaged ({error}); copy it again") from None
    if broken is not None:
        raise InputError(f"{file}: is damaged (the sum of {broken} is wrong); copy it again")


def _safe(file: Path) -> Weights:
    try:
        with safe_open(file, framework="pt") as opened:
            facts = opened.metadata()
        return Weights(load_file(file), facts=facts)
    except Exception as error:  # kinds of numbers that torch has not are AttributeErrors
        raise InputError(f"{file}: is damaged ({error}); train or copy it again") from None


def _is_safetensors(file: Path) -> bool:
    """Whether a file that is named as torch's begins as safetensors do: a length, then JSON."""
    with file.open("rb") as opened:
        begin = opened.read(9)
    return len(begin) == 9 and begin[8:] == b"{" and int.from_bytes(begin[:8], "little") < 1 << 27


def _load_pickle(file: Path, mapped: bool) -> Any:
    packed = _check_archive(file)
    try:
        with torch.serialization.safe_globals(_NUMBERS):
            # torch's older form cannot be mapped
            return torch.load(file, map_location="cpu", weights_only=True, mmap=mapped and packed)
    except Exception as error:  # damaged bytes make an unpickler fail in any way
        wanted = _unsafe_names(file) or sorted(set(_IMPORT.findall(str(error))))
        if wanted:
            raise InputError(
                f"{file}: holds more than weights ({', '.join(wanted)}), which could run code and "
                f"is never loaded; {_PLAIN}"
            ) from None
        # torch's own words advise to load it unsafely: they are not repeated
        raise InputError(
            f"{file}: is damaged or holds more than weights ({type(error).__name__}); {_PLAIN}"
        ) from None


def _check_archive(file: Path) -> bool:
    """Look into a torch file that is a zip archive before it is read; whether it is one."""
    try:
        if not zipfile.is_zipfile(file):
            return False
        with zipfile.ZipFile(file) as packed:
            parts = packed.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(f"{file}: is damaged ({error}); copy it again") from None
    if any(part.filename.rpartition("/")[2] == "constants.pkl" for part in parts):
        raise InputError(
            f"{file}: is a TorchScript program, which could run code and is never loaded; {_PLAIN}"
        )
    size, unpacked = file.stat().st_size, sum(part.file_size for part in parts)
    if unpacked > _UNPACKED * size + (1 << 20):
        raise InputError(
            f"{file}: has {size} bytes and unpacks to {unpacked}; torch does not write such files: "
            f"{_PLAIN}"
        )
    return True


def _unsafe_names(file: Path) -> list[str]:
    """Name what a torch file would import, by reading its bytes only."""
    try:
        with torch.serialization.safe_globals(_NUMBERS):
            return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(str(file)))
    except Exception:  # not a whole torch file: there is nothing to name
        return []


def _chosen(file: Path, found: Any, place: tuple[str, ...]) -> Weights:
    """Find the tensors in what a torch file holds."""
    if not isinstance(found, Mapping):
        raise InputError(
            f"{file}: is not a state dict of tensors (it holds a {type(found).__name__}); {_PLAIN}"
        )
    own = {key: value for key, value in found.items() if isinstance(value, Tensor)}
    inner = {key: value for key, value in found.items() if _holds_tensors(value, _DEEPEST)}
    key = next((key for key in inner if key in _NESTED), None) if len(place) < _DEEPEST else None
    if key is not None:
        rivals = [
            other for other in inner
            if other != key and (other in _NESTED or _overlap(inner[key], inner[other]))
        ]  # fmt: skip
        if rivals or _overlap(inner[key], own):
            names = [str(name) for name in (key, *rivals)] if rivals else [str(key), "at the top"]
            raise InputError(
                f"{file}: holds several sets of weights ({', '.join(names)}); save the one that is "
                f'meant, e.g. torch.save(checkpoint["{key}"], ...), and name that file'
            )
        return _chosen(file, inner[key], (*place, str(key)))
    if not own or not all(isinstance(name, str) for name in own):
        raise InputError(
            f"{file}: is not a state dict of tensors (it has {_keys(found)}); {_PLAIN}"
        )
    notes = [f"{file}: the weights under {'.'.join(place)!r} were taken"] if place else []
    left = [name for name in found if name not in own]
    if left:
        notes.append(f"{file}: what is no tensor was left out ({_keys(left)})")
    return Weights(own, tuple(notes))


def _holds_tensors(value: Any, deep: int) -> bool:
    """Whether a state dict is in there: a mapping of names to tensors, or of one to such."""
    if not isinstance(value, Mapping) or not value:
        return False
    if any(isinstance(v, Tensor) for v in value.values()):
        return all(isinstance(key, str) for key in value)
    return deep > 1 and any(
        key in _NESTED and _holds_tensors(part, deep - 1) for key, part in value.items()
    )


def _overlap(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    """Whether two hold tensors of the same names: a second network, or an average of the first.

    An optimiser's or a random generator's state has none of a network's.
    """
    return bool(_last_names(one) & _last_names(other))


def _last_names(state: Mapping[Any, Any]) -> set[str]:
    """Names without what wrappers put before them, as far as that shows: their last two parts."""
    return {".".join(str(key).split(".")[-2:]) for key, v in state.items() if isinstance(v, Tensor)}


def _keys(found: Collection[Any]) -> str:
    names = [str(key)[:60] for key in found]
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return (", ".join(names[:8]) or "no keys") + more
