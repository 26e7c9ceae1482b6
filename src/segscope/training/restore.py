"""What a training takes out of its saved state, each part looked at before any is put in.

A state of the right syntax may still be of another network, another optimiser, or changed by hand;
torch and Python would say so in many ways, in the middle, or not at all.
"""

import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from segscope.errors import InputError
from segscope.training.checkpoint import ANEW, STATE_FORMAT, load_state, set_random_state

P = TypeVar("P")


def restore(
    path: Path,
    progress: type[P],
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    adversary: Any = None,
) -> P:
    """Put a saved state into a network and its optimiser, and go on with its random numbers.

    Args:
        path: Of the state.
        progress: Dataclass of counters, with ``epoch``, ``best_epoch`` and one row per epoch.
        net: Takes the weights.
        optimizer: Takes its state.
        opponent: As `segscope.training.minmax.AdversarialFeatures`, where there is one.

    Returns:
        Where the training stands.

    Raises:
        InputError: The state is damaged, or of another training: what differs is said.
    """
    state = load_state(path)
    if (number := state.get("format")) != STATE_FORMAT:
        raise InputError(
            f"{path}: cannot be gone on with (its format is {number or 'older than numbers'}, this "
            f"version of segscope goes on from {STATE_FORMAT}); {ANEW}"
        )
    try:
        wanted = {"format", "weights", "optimizer", "random", "progress"} | (
            {"adversary"} if adversary else set()
        )
        _keys(state, wanted, "the state")
        found = _progress(progress, state["progress"])
        _check_weights(state["weights"], net.state_dict(), "weights")
        _check_optimizer(state["optimizer"], optimizer, "optimizer")
        _check_random(state["random"])
        if adversary:
            _keys(state["adversary"], {"phi", "optimizer"}, "adversary")
            _check_weights(state["adversary"]["phi"], adversary.phi.state_dict(), "adversary")
            _check_optimizer(state["adversary"]["optimizer"], adversary.optimizer, "adversary")
            adversary.load_state_dict(state["adversary"])
        net.load_state_dict(state["weights"])
        optimizer.load_state_dict(state["optimizer"])
        set_random_state(state["random"])
    except InputError:
        raise
    except Exception as error:  # of torch, whose refusals are of any kind and many lines
        said = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise InputError(f"{path}: cannot be gone on with ({said}); {ANEW}") from None
    return found


def _keys(found: Any, wanted: set[str], what: str) -> None:
    if not isinstance(found, dict) or found.keys() != wanted:
        there = sorted(map(str, found)) if isinstance(found, dict) else type(found).__name__
        raise ValueError(f"{what} has {there}, expected are {sorted(wanted)}")


def _progress(kind: type[P], found: Any) -> P:
    known: Any = fields(kind)  # type: ignore[arg-type]
    _keys(found, {field.name for field in known}, "progress")
    rows = found["rows"]
    for field in known:
        value = found[field.name]
        if field.name == "rows":
            continue
        if field.name == "best":
            _check_best(value, found["best_epoch"])
            continue
        whole = field.type in (int, "int")
        if type(value) is not int and (whole or type(value) is not float):
            raise ValueError(f"progress.{field.name} is {value!r}")
        if field.name.startswith("best") or (math.isfinite(value) and value >= 0):
            continue
        raise ValueError(f"progress.{field.name} is {value!r}")
    epoch = found["epoch"]
    if not -1 <= found["best_epoch"] < max(epoch, 1) or (epoch == 0 and found["best_epoch"] != -1):
        raise ValueError(f"progress.best_epoch is {found['best_epoch']} of {epoch} epochs")
    numbered = isinstance(rows, list) and [
        row.get("epoch")
        for row in rows
        if isinstance(row, dict) and all(map(_is_entry, row.items()))
    ] == list(range(epoch))
    if not numbered or len(rows) != epoch:
        raise ValueError(f"progress.rows is not the log of {epoch} epochs")
    return kind(**found)


def _check_best(found: Any, best_epoch: Any) -> None:
    numbers = isinstance(found, list) and all(type(v) in (int, float) for v in found)
    if not numbers or bool(found) != (best_epoch != -1) or any(map(math.isnan, found)):
        raise ValueError(f"progress.best is {found!r}")


def _is_entry(item: tuple[Any, Any]) -> bool:
    return isinstance(item[0], str) and type(item[1]) in (int, float)


def _check_weights(found: Any, own: Mapping[str, Tensor], what: str) -> None:
    _keys(found, set(own), what)
    for name, value in own.items():
        _check_tensor(found[name], value.shape, value.dtype, f"{what}: {name}")


def _check_tensor(found: Any, shape: torch.Size, dtype: torch.dtype, what: str) -> None:
    if not isinstance(found, Tensor) or (found.shape, found.dtype) != (shape, dtype):
        said = f"{tuple(found.shape)} {found.dtype}" if isinstance(found, Tensor) else "no tensor"
        raise ValueError(f"{what} is {said}, expected is {tuple(shape)} {dtype}")
    if found.is_floating_point() and not found.isfinite().all():
        raise ValueError(f"{what} holds NaN or infinities")


def _check_optimizer(found: Any, optimizer: torch.optim.Optimizer, what: str) -> None:
    own = optimizer.state_dict()
    _keys(found, set(own), what)
    groups = found["param_groups"]
    if not isinstance(groups, list) or len(groups) != len(own["param_groups"]):
        raise ValueError(f"{what} has other groups of parameters")
    for group, wanted in zip(groups, own["param_groups"], strict=True):
        # other versions of torch have some options more or fewer
        if group["params"] != wanted["params"] or not all(
            _alike(group[key], wanted[key]) for key in wanted if key in group
        ):
            raise ValueError(f"{what}: a group of parameters is another one")
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    if not isinstance(found["state"], dict):
        raise ValueError(f"{what}: state is no mapping")
    kept = {frozenset(moments) for moments in found["state"].values() if isinstance(moments, dict)}
    if not found["state"].keys() <= set(range(len(parameters))) or len(kept) > 1:
        raise ValueError(f"{what} knows other parameters than the network's")
    for number, moments in found["state"].items():
        for name, value in moments.items():
            place = f"{what}: {name} of parameter {number}"
            if isinstance(value, Tensor):
                own_one = value if value.ndim == 0 else parameters[number]
                _check_tensor(value, own_one.shape, own_one.dtype, place)
            elif value is not None and type(value) not in (int, float):
                raise ValueError(f"{place} is {value!r}")


def _alike(found: Any, wanted: Any) -> bool:
    """Whether an option is of the same kind; lists stand for tuples in a state."""
    if isinstance(wanted, list | tuple):
        return isinstance(found, list) and len(found) == len(wanted)
    numbers = (int, float)
    if type(wanted) in numbers:
        return type(found) in numbers and math.isfinite(found)
    return type(found) is type(wanted)


def _check_random(found: Any) -> None:
    _keys(found, {"cpu"} | ({"cuda"} & set(found if isinstance(found, dict) else ())), "random")
    own = torch.get_rng_state()
    _check_tensor(found["cpu"], own.shape, own.dtype, "random: cpu")
    devices = found.get("cuda", [])
    if not isinstance(devices, list):
        raise ValueError("random: cuda is no list")
    for state in devices:
        if not isinstance(state, Tensor) or state.dtype != torch.uint8 or state.ndim != 1:
            raise ValueError("random: cuda is no state of generators")
