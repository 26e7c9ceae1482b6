"""The state of a training, in one file that holds no code.

Tensors go into a safetensors file; everything else (counters, the optimiser's structure, the log
so far) is JSON in the same file's metadata, so that both are replaced by one rename: a training
that is killed at any moment leaves the old state or the new one, never a mixture.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from segscope.data import atomic_path
from segscope.errors import InputError

_TENSOR = "__tensor__"


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write nested dicts, lists, numbers, strings and tensors to one file, atomically.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "state.safetensors"
        >>> save_state(file, {"step": 3, "weights": {"w": torch.ones(2)}})
        >>> load_state(file)
        {'step': 3, 'weights': {'w': tensor([1., 1.])}}
    """
    tensors: dict[str, Tensor] = {}
    skeleton = _take_out(state, tensors)
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"state": json.dumps(skeleton)})


def load_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` wrote."""
    try:
        with safe_open(path, framework="pt") as file:
            skeleton = json.loads(file.metadata()["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no training to resume; start without --resume"
        ) from None
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise InputError(
            f"{path}: not a state that segscope wrote ({error}); start a new run"
        ) from None
    state: dict[str, Any] = _put_back(skeleton, tensors)
    return state


def random_state() -> dict[str, Any]:
    """Every random number generator that a step of training may draw from."""
    state: dict[str, Any] = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Continue all generators where `random_state` read them."""
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])


def _take_out(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        name = f"t{len(tensors)}"
        # a copy, as safetensors refuses tensors that share memory
        tensors[name] = value.detach().cpu().clone().contiguous()
        return {_TENSOR: name}
    if isinstance(value, dict):
        # keys keep their kind: the optimiser's are integers, which JSON would turn to text
        return {"__items__": [[key, _take_out(item, tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return [_take_out(item, tensors) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a state holds tensors, numbers, strings, lists and dicts, got {type(value)}")


def _put_back(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, dict) and _TENSOR in value:
        return tensors[value[_TENSOR]]
    if isinstance(value, dict):
        return {key: _put_back(item, tensors) for key, item in value["__items__"]}
    if isinstance(value, list):
        return [_put_back(item, tensors) for item in value]
    return value
