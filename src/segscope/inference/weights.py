"""Weights in files: written whole, with the hash of their own content; read and fitted, checked.

What a file of ours carries beside its tensors (safetensors' metadata) goes with it in one rename:
the hash of all tensors, and that of the specification that they belong to. So a folder that was
copied in part, or a training that was killed between two files, is told from a whole one without a
second file.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from segscope.data import atomic_path
from segscope.data.json_files import as_typed, parse_json
from segscope.errors import InputError
from segscope.features.state_dicts import Fitted, fit_state, rename_state
from segscope.features.state_files import Weights, read_checkpoint, read_weights

__all__ = [
    "CONTENT",
    "Fitted",
    "Weights",
    "check_content",
    "content_hash",
    "fit_weights",
    "load_checkpoint",
    "load_into",
    "load_weights",
    "rename_state",
    "save_weights",
]

CONTENT = "tensors_sha256"

_FACTS = "segscope"


def save_weights(
    file: Path, state: Mapping[str, Tensor], *, facts: Mapping[str, str] | None = None
) -> None:
    """Replace a safetensors file, whole or not at all.

    Args:
        file: To write.
        state: From names to tensors on any device; they may not share memory.
        facts: Text to carry beside them; the hash of the tensors is added.

    Raises:
        WorkError: The file system refused; the old file is as it was.
    """
    with atomic_path(file) as temporary:
        write_weights(temporary, state, facts=facts)


def write_weights(
    temporary: Path, state: Mapping[str, Tensor], *, facts: Mapping[str, str] | None = None
) -> None:
    """The same without the rename, for those who have one of their own."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    facts = {**(facts or {}), CONTENT: content_hash(tensors)}
    # under one key, as safetensors does not keep the order of several: equal ones, equal bytes
    save_file(tensors, temporary, metadata={_FACTS: json.dumps(facts, sort_keys=True)})


def load_weights(file: Path) -> Weights:
    """Read a state dict; see `segscope.features.state_files.read_weights`.

    Returns:
        A dict of tensors; ``.notes`` says what was chosen or left out.

    Raises:
        InputError: Not there, damaged, or with pickled objects in it; its tensors are not those
            that were written.
    """
    weights = read_weights(file)
    weights.facts = _own_facts(Path(file), weights.facts)
    check_content(Path(file), weights)
    return weights


def load_checkpoint(file: Path) -> Mapping[str, Any]:
    """Read another tool's checkpoint; see `segscope.features.state_files.read_checkpoint`.

    What nnU-Net's hold beside tensors are plain values and NumPy's numbers, nothing else is taken.
    """
    return read_checkpoint(file)


def fit_weights(
    file: Path | str,
    state: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    *,
    remedy: str = "use the weights it was saved with",
) -> Fitted:
    """Bring what was read into a network's own names and numbers, or refuse it.

    Args:
        file: Named in messages.
        state: Of `load_weights`.
        expected: The network's own state dict.
        remedy: What to do about weights of another network.

    Returns:
        The state to load and notes: also those of reading.

    Raises:
        InputError: With the first faults and how many there are.
    """
    fitted = fit_state(str(file), state, expected, remedy=remedy)
    return Fitted(fitted.state, (*getattr(state, "notes", ()), *fitted.notes))


def load_into(net: nn.Module, file: Path, *, remedy: str) -> tuple[str, ...]:
    """Put a file's weights into any network.

    Returns:
        What was done to make them fit, in sentences.

    Raises:
        InputError: As of `load_weights` and `fit_weights`.
    """
    fitted = fit_weights(file, load_weights(file), net.state_dict(), remedy=remedy)
    net.load_state_dict(fitted.state)
    return fitted.notes


def content_hash(tensors: Mapping[str, Tensor]) -> str:
    """Hash names, kinds, shapes and values of tensors, whatever order they are in.

    Example:
        >>> a, b = torch.zeros(2), torch.ones(1)
        >>> content_hash({"a": a, "b": b}) == content_hash({"b": b, "a": a})
        True
        >>> content_hash({"a": a}) == content_hash({"a": a.reshape(1, 2)})
        False
    """
    whole = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name]
        whole.update(f"{len(name)} {name} {value.dtype} {tuple(value.shape)}\n".encode())
        if value.numel():
            whole.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return whole.hexdigest()


def check_content(file: Path, weights: Weights) -> None:
    """Compare tensors with the hash that their file carries; other programs' carry none.

    Raises:
        InputError: They differ.
    """
    if CONTENT in weights.facts and weights.facts[CONTENT] != content_hash(weights):
        raise InputError(
            f"{file}: its tensors are not those that were written (SHA-256 differs): it is damaged "
            "or was changed; copy it again"
        )


def _own_facts(file: Path, metadata: Mapping[str, str]) -> dict[str, str]:
    """What `save_weights` wrote beside the tensors; nothing where another program did."""
    if _FACTS not in metadata:
        return {}
    facts = parse_json(file, metadata[_FACTS])
    return as_typed(file, facts, dict[str, str], what="a file of weights of segscope")
