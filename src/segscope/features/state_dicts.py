"""Weights of a network as others have saved them: under which names, in which numbers.

A prefix is what differs most often: DataParallel and DDP write ``module.``, torch.compile
``_orig_mod.``, Lightning and people's own classes ``model.`` or ``net.``. Where nothing else
differs the tensors are taken, and it is said; nothing is ever left out or filled in on the way.
"""

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from segscope.errors import InputError

# put between a module and its parts by wrappers, wherever these were put on
_WRAPPERS = frozenset(
    ("module", "_orig_mod", "_forward_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
)
# what people call the network inside their own class; at the beginning of all names only
_HOLDERS = frozenset(("model", "net", "network"))
_COUNTER = "n_averaged"  # beside the weights of torch's AveragedModel
_LISTED = 5
_COMPARED = 200  # names: looking for the nearest one costs their product


@dataclass(frozen=True)
class Fitted:
    """Tensors as a network takes them, and what was done to them, in sentences."""

    state: dict[str, Tensor]
    notes: tuple[str, ...] = ()


def fit_state(
    name: str, state: Mapping[str, Tensor], expected: Mapping[str, Tensor], *, remedy: str
) -> Fitted:
    """Bring a state dict into the names and numbers that a network has.

    Args:
        name: Of the file, for the message.
        state: What was read.
        expected: The network's own state dict; its tensors may be without values (``meta``).
        remedy: What to do where it does not fit.

    Raises:
        InputError: Another network's: names, shapes or kinds of numbers differ, or values are NaN
            or infinite. The first faults are listed.

    Example:
        >>> own = torch.nn.Linear(1, 1).state_dict()
        >>> fit_state("w.pt", {f"module.{k}": v for k, v in own.items()}, own, remedy="").notes
        ("w.pt: names begin with 'module.', which was taken off",)
    """
    renamed = rename_state(name, state, expected)
    given = renamed.state
    faults = _missing(expected, given)
    faults += [f"{key}: the network has no such tensor" for key in given if key not in expected]
    shared = sorted(expected.keys() & given.keys())
    shapes = {
        key: f"{key}: shape {tuple(expected[key].shape)} expected, {tuple(given[key].shape)} found"
        for key in shared
        if given[key].shape != expected[key].shape
    }
    # of another shape nothing is looked at: it may claim more numbers than there is memory
    numbers = {key: given[key] for key in shared if key not in shapes}
    plain, wrong = _plain(numbers, {key: expected[key].dtype for key in numbers})
    faults += [shapes.get(key) or wrong[key] for key in shared if key in shapes or key in wrong]
    if faults:
        rest = len(faults) - _LISTED
        raise InputError(
            f"{name}: does not fit the network; {remedy}",
            [*faults[:_LISTED], *([f"and {rest} more"] if rest > 0 else [])],
        )
    notes = (*renamed.notes, *_conversions(name, given, plain))
    return Fitted({key: plain[key] for key in expected}, notes)


def plain_state(
    name: str, state: Mapping[str, Tensor], dtypes: Mapping[str, torch.dtype]
) -> Fitted:
    """Bring numbers alone into the kinds that are wanted, as `as_numbers` does.

    Raises:
        InputError: Some cannot be; the first are listed.
    """
    plain, wrong = _plain(state, dtypes)
    if wrong:
        raise InputError(f"{name}: does not hold usable numbers:", [*wrong.values()][:_LISTED])
    return Fitted(plain, _conversions(name, state, plain))


def rename_state(name: str, state: Mapping[str, Tensor], expected: Collection[str]) -> Fitted:
    """Take off, or put on, a prefix where the names differ by nothing else.

    Args:
        name: Of the file, for the note.
        state: What was read.
        expected: The names that a network has.

    Returns:
        The tensors under the network's names and a note; as they were, where more than a prefix
        differs.
    """
    if state.keys() == set(expected):
        return Fitted(dict(state))
    averaged = _COUNTER in state and _COUNTER not in expected
    kept = [key for key in state if not (averaged and key == _COUNTER)]
    known = match_names(kept, expected)
    if known is None:
        return Fitted(dict(state))
    note = f"{name}: {_difference(known)}"
    if averaged:
        note += f"; {_COUNTER}, which counts averaged models, was left out"
    return Fitted({own: state[theirs] for own, theirs in known.items()}, (note,))


def match_names(
    found: Collection[str], expected: Collection[str], *, others: Collection[str] = ()
) -> dict[str, str] | None:
    """Say which name found stands for which expected, where only a prefix differs.

    Args:
        found: Names in a file.
        expected: Names of the network, all of which must be there.
        others: Names that may be there beside them.

    Returns:
        Expected to found; None where more than a prefix differs.

    Example:
        >>> match_names(["module.net.a.w", "module.net.a.b"], ["a.w", "a.b"])
        {'a.w': 'module.net.a.w', 'a.b': 'module.net.a.b'}
        >>> match_names(["module.a.w"], ["a.w", "a.b"]) is None
        True
    """
    theirs, own = _bare(found), _bare([*expected, *(key for key in others if key not in expected)])
    if theirs is None or own is None:
        return None
    wanted = {bare: key for bare, key in own.items() if key in expected}
    if not wanted.keys() <= theirs.keys() <= own.keys():
        return None
    return {key: theirs[bare] for bare, key in wanted.items()}


def as_numbers(found: Tensor, wanted: torch.dtype) -> Tensor:
    """Return a tensor's values as another kind of number, where that loses nothing but rounding.

    Raises:
        ValueError: It holds no plain values (sparse, quantised, on no device), another kind of
            number (whole for broken, 8-bit floats, complex), NaN or infinities, or values beyond
            the other kind's range.

    Example:
        >>> as_numbers(torch.ones(1, dtype=torch.float64), torch.float32).dtype
        torch.float32
    """
    said = f"{_kind(wanted)} expected, {_kind(found.dtype)} found"
    if found.is_meta:
        raise ValueError("holds no values (it is on torch's meta device)")
    if found.is_quantized or found.layout != torch.strided:
        layout = "quantised" if found.is_quantized else str(found.layout).removeprefix("torch.")
        raise ValueError(f"is {layout}; a plain tensor is expected")
    found, families = found.detach(), (_family(found.dtype), _family(wanted))
    if families[0] == "float" and not found.isfinite().all():
        raise ValueError("holds NaN or infinities")
    if found.dtype == wanted:
        return found
    if families not in (("float", "float"), ("whole", "whole"), ("float", "whole")):
        raise ValueError(said)
    value = found.to(wanted)
    if families == ("float", "float"):
        if not value.isfinite().all():
            raise ValueError(f"{said}: its values are too large for that")
    # counters, which {k: v.half()} converts with the weights
    elif not torch.equal(value.to(torch.float64), found.to(torch.float64)):
        raise ValueError(f"{said}: its values are not whole, or too large for that")
    return value


def _plain(
    state: Mapping[str, Tensor], dtypes: Mapping[str, torch.dtype]
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors as other kinds of numbers, and what is wrong with those that cannot be."""
    plain, wrong = {}, {}
    for key, value in state.items():
        try:
            plain[key] = as_numbers(value, dtypes.get(key, value.dtype))
        except ValueError as error:
            wrong[key] = f"{key}: {error}"
    return plain, wrong


def _conversions(
    name: str, state: Mapping[str, Tensor], plain: Mapping[str, Tensor]
) -> tuple[str, ...]:
    kinds: dict[str, list[str]] = {}
    for key, value in plain.items():
        if value.dtype != state[key].dtype:
            said = f"{_kind(state[key].dtype)} where the network has {_kind(value.dtype)}"
            kinds.setdefault(said, []).append(key)
    return tuple(
        f"{name}: {len(keys)} tensors are {said} ({keys[0]}, ...), and were converted"
        for said, keys in kinds.items()
    )


def _family(dtype: torch.dtype) -> str:
    """Numbers that may stand for each other; 8-bit floats and complex numbers may for none."""
    if dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        return "float"
    if dtype in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64):
        return "whole"
    return _kind(dtype)


def _bare(names: Iterable[str]) -> dict[str, str] | None:
    """Names without wrappers and common holders; None where two become one."""
    found: dict[str, str] = {}
    for name in names:
        bare = ".".join(part for part in name.split(".") if part not in _WRAPPERS)
        if not bare or bare in found:
            return None
        found[bare] = name
    while found:
        firsts = {bare.partition(".")[0] for bare in found}
        if len(firsts) != 1 or not firsts <= _HOLDERS or not all("." in bare for bare in found):
            break
        found = {bare.partition(".")[2]: name for bare, name in found.items()}
    return found


def _difference(known: Mapping[str, str]) -> str:
    """Say how names differ, by the first that does."""
    own, theirs = next((o, t) for o, t in known.items() if o != t)
    if theirs.endswith(own) and all(t == theirs.removesuffix(own) + o for o, t in known.items()):
        return f"names begin with {theirs.removesuffix(own)!r}, which was taken off"
    if own.endswith(theirs) and all(o == own.removesuffix(theirs) + t for o, t in known.items()):
        return f"names lack the network's {own.removesuffix(theirs)!r}, which was put on"
    return f"names are of a wrapped network ({theirs}), and were taken for its own ({own})"


def _missing(expected: Collection[str], given: Collection[str]) -> list[str]:
    extra = [key for key in given if key not in expected]
    faults: list[str] = []
    for key in expected:
        if key in given:
            continue
        close: list[str] = []
        if len(faults) < _LISTED and len(extra) <= _COMPARED:
            close = difflib.get_close_matches(key, extra, n=1, cutoff=0.8)
        faults.append(f"{key}: is missing" + (f" (there is {close[0]})" if close else ""))
    return faults


def _kind(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
