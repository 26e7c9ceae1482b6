"""The state of a training, in one file that holds no code.

Tensors go into a safetensors file; everything else (counters, the optimiser's structure, the log
so far) is JSON in the same file's metadata, so that both are replaced by one rename: a training
that is killed at any moment leaves the old state or the new one, never a mixture. A hash of all of
it goes along: a training is gone on with from what was written, or not at all.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from segscope.errors import InputError
from segscope.inference.run_files import HIDDEN, replacing
from segscope.inference.weights import content_hash

ANEW = "train anew in another folder; the weights beside it are the last ones that were kept"

STATE_FORMAT = 2  # of what a training keeps in it

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
    text = json.dumps(skeleton)
    facts = {"state": text, "sha256": _hash(text, tensors)}
    folder, name = path.parent, path.name
    if folder.name == HIDDEN:  # the run whose manifest knows it is one folder up
        folder.mkdir(exist_ok=True)
        folder, name = folder.parent, f"{HIDDEN}/{name}"
    with replacing(folder, name) as temporary:  # another run's state is told from it
        save_file(tensors, temporary, metadata=facts)


def load_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` wrote.

    Raises:
        InputError: There is none; it is damaged, was changed, or is no state.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: there is no training to resume; start without --resume")
    try:
        with safe_open(path, framework="pt") as file:
            facts = file.metadata()
            text = facts["state"]
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        skeleton = json.loads(text)
        if sorted(_named(skeleton)) != sorted(tensors):
            raise ValueError("its tensors are not those that it names")
        # states of older versions carry none
        if "sha256" in facts and facts["sha256"] != _hash(text, tensors):
            raise ValueError("its SHA-256 differs: it was changed")
        state: Any = _put_back(skeleton, tensors)
    except Exception as error:  # whatever a damaged file brings safetensors, JSON or us to
        said = str(error).strip("'\"") or type(error).__name__
        raise InputError(f"{path}: not a state that segscope wrote ({said}); {ANEW}") from None
    if not isinstance(state, dict):
        raise InputError(f"{path}: not a state that segscope wrote (no mapping); {ANEW}")
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


def _named(value: Any) -> Iterator[str]:
    """Names of the tensors in a skeleton."""
    if isinstance(value, dict) and _TENSOR in value:
        yield value[_TENSOR]
    elif isinstance(value, dict):
        for _, item in value["__items__"]:
            yield from _named(item)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item)


def _hash(text: str, tensors: Mapping[str, Tensor]) -> str:
    return hashlib.sha256(f"{text}\n{content_hash(tensors)}".encode()).hexdigest()
