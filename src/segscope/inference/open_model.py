"""The one door to models: what a path is, is seen from its files; its own kind opens it.

Nothing that a model names is imported or run. A new kind is a file in ``foreign`` and a line here.
"""

import os
from pathlib import Path

from segscope.errors import InputError
from segscope.inference.foreign import nnunet
from segscope.inference.kind import Kind, OpenOptions
from segscope.inference.model import TrainedModel, load_model
from segscope.inference.spec import MODEL


def _is_run(path: Path) -> bool:
    return os.path.lexists(path / MODEL)


def _open_run(path: Path, options: OpenOptions) -> TrainedModel:
    return load_model(
        path,
        weights=options.weights or "best",
        device=options.device,
        level=options.level,
        bf16=options.bf16,
        fast=options.fast,
    )


RUN = Kind("a run of segscope", _is_run, _open_run, ("weights", "level", "bf16", "fast"))

KINDS: tuple[Kind, ...] = (RUN, nnunet.KIND)
"""In the order in which they are tried."""


def kind_of_model(path: Path) -> Kind:
    """Say what a path is.

    Raises:
        InputError: Of no kind that is known; where it is nearly of one, what it lacks is said.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; name a model")
    for kind in KINDS:
        if kind.recognise(path):
            return kind
    for kind in KINDS:
        lacking = kind.near_miss(path)
        if lacking is not None:
            raise InputError(f"{path}: {lacking}")
    known = ", ".join(kind.name for kind in KINDS)
    raise InputError(f"{path}: holds no {MODEL} and is of no other kind that segscope knows; name "
                     f"{known}")  # fmt: skip


def open_model(path: Path, options: OpenOptions | None = None) -> TrainedModel:
    """Open any model for prediction, audit and ranking.

    Args:
        path: Folder or file, as its tool wrote it.
        options: Those that mean nothing to its kind are refused.

    Raises:
        InputError: Of no known kind, damaged, or with options that it does not have.
    """
    chosen = options or OpenOptions()
    kind = kind_of_model(path)
    kind.check(path, chosen)
    return kind.open(Path(path), chosen)
