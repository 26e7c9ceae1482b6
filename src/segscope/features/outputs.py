"""Which of a network's outputs is its answer: out of dicts, tuples and records."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor

ANSWERS = ("out", "logits")
"""Names under which networks give their answer, beside auxiliary outputs."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """The output that is taken.

    Args:
        tensor: It.
        name: Where it lies, as ``out`` or ``0``; empty where the network returns only it.
        among: Names of all that the network returns.
    """

    tensor: Tensor
    name: str = ""
    among: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """What to tell the reader where there were several; empty otherwise."""
        if len(self.among) < 2:
            return ""
        return f"of the network's outputs ({', '.join(self.among)}) {self.name} is taken"


def answer_of(output: Any, fits: Callable[[Tensor], bool]) -> Answer | None:
    """Take what is called ``out`` or ``logits``, else the first output that fits.

    Args:
        output: Of a network: a tensor; a dict, list, tuple, named tuple, dataclass or another
            record of several.
        fits: Whether a tensor can be the answer.

    Example:
        >>> import torch
        >>> found = answer_of({"aux": torch.zeros(1), "out": torch.ones(1)}, lambda t: True)
        >>> found.tensor.item(), found.description
        (1.0, "of the network's outputs (aux, out) out is taken")
    """
    if isinstance(output, Tensor):
        return Answer(output) if fits(output) else None
    parts = list(_parts(output))
    preferred = [part for name in ANSWERS for part in parts if part[0] == name]
    among = tuple(name for name, _ in parts)
    for name, part in preferred[:1] or parts:
        found = answer_of(part, fits)
        if found is not None:
            below = f"{name}.{found.name}" if found.name else name
            return Answer(found.tensor, below, among)
    return None


def shapes_of(output: Any) -> str:
    """Say what a network returned, for messages.

    Example:
        >>> import torch
        >>> shapes_of({"a": torch.zeros(1, 2), "b": "text"})
        'a (1, 2), b no tensor'
    """
    if isinstance(output, Tensor):
        return f"shape {tuple(output.shape)}"
    parts = [
        f"{name} {tuple(part.shape) if isinstance(part, Tensor) else 'no tensor'}"
        for name, part in _parts(output)
    ]
    return ", ".join(parts) or "no tensor"


def _parts(output: Any) -> Iterator[tuple[str, Any]]:
    """Names and values of several outputs; those that are None are no outputs."""
    if isinstance(output, Mapping):
        items = [(str(name), part) for name, part in output.items()]
    elif hasattr(output, "_asdict"):
        items = list(output._asdict().items())
    elif isinstance(output, (list, tuple)):
        items = [(str(k), part) for k, part in enumerate(output)]
    elif dataclasses.is_dataclass(output) and not isinstance(output, type):
        items = [(f.name, getattr(output, f.name)) for f in dataclasses.fields(output)]
    else:
        items = list(getattr(output, "__dict__", {}).items())
    yield from ((name, part) for name, part in items if part is not None)
