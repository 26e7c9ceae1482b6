"""What the door asks of every kind of model: how it is recognised, and how it is opened."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from segscope.errors import InputError
from segscope.inference.model import TrainedModel


@dataclass(frozen=True, kw_only=True)
class OpenOptions:
    """How a model is opened; what is None or False is as the model, or its tool, says.

    Args:
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        weights: Of a run ``best``, ``last`` or a snapshot; of others a file's name.
        level: Prune to this level of a nested network.
        bf16: Compute in bfloat16 where that is safe.
        fast: Fold batch norms into convolutions.
        folds: ``0,1`` or ``all``: which networks of an nnU-Net folder are averaged.
        checkpoint: ``final`` or ``best`` of an nnU-Net folder.
        prepare: A file that says what a model does not say about itself.
    """

    device: str = "cpu"
    weights: str | None = None
    level: int | None = None
    bf16: bool = False
    fast: bool = False
    folds: str | None = None
    checkpoint: str | None = None
    prepare: Path | None = None


@dataclass(frozen=True)
class Kind:
    """A kind of model; a new one is a file in ``foreign`` and a line in `open_model.KINDS`.

    Args:
        name: For the reader: ``an nnU-Net v2 results folder``.
        recognise: Whether a path is of this kind; looks at names of files, and at small ones.
        open: Opens it.
        takes: Options beside the device that mean something to it; others are refused.
        near_miss: What a path that is of no kind lacks to be of this one, and what to do; None
            where it is something else.
    """

    name: str
    recognise: Callable[[Path], bool]
    open: Callable[[Path, OpenOptions], TrainedModel]
    takes: tuple[str, ...] = ()
    near_miss: Callable[[Path], str | None] = lambda path: None

    def check(self, path: Path, options: OpenOptions) -> None:
        """Refuse options that would do nothing.

        Raises:
            InputError: As said.
        """
        for one in fields(options):
            said = getattr(options, one.name) not in (None, False)
            if said and one.name not in ("device", *self.takes):
                raise InputError(f"--{one.name}: {path} is {self.name}, which has no such choice; "
                                 "leave it out")  # fmt: skip
