"""Folders that are no dataset: what is seen there, and the command that makes one of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from segscope.errors import InputError
from segscope.paths import is_folder, is_there

if TYPE_CHECKING:
    from segscope.data import Dataset

_MARK = "dataset.json"


def check_dataset_folder(dataset: Path) -> None:
    """Refuse what is not there, or is plainly something else, before anything is read.

    Raises:
        InputError: There is no such folder; it is no dataset, perhaps what could become one.
    """
    if not is_there(dataset):
        raise InputError(f"{dataset}: no such folder; name an nnU-Net v2 raw dataset")
    seen = _seen(dataset)
    if seen is not None:
        raise InputError(f"{dataset}: is no dataset (it has no {_MARK}); {seen}")
    if not is_there(dataset / _MARK):
        from segscope.data import open_dataset
        from segscope.data.layouts import layout_of

        if layout_of(dataset) is None:  # refused before more is loaded
            open_dataset(dataset)


def open_folder(dataset: Path) -> "Dataset":
    """Open a dataset; a folder that could become one is told what it looks like.

    Raises:
        InputError: As of `check_dataset_folder` and `segscope.data.open_dataset`.
    """
    check_dataset_folder(dataset)

    from segscope.data import open_dataset

    return open_dataset(dataset)


@contextmanager
def images_of(source: Path) -> Iterator[None]:
    """Where no images are found in a source, also say what is seen there."""
    try:
        yield
    except InputError as error:
        seen = _seen(source)
        if seen is None:
            raise
        raise InputError(f"{error}\n  {source}: {seen}") from None


def _seen(source: Path) -> str | None:
    """What a folder that is no dataset looks like; None of a dataset, and of what is not known."""
    if not is_folder(source) or is_there(source / _MARK):
        return None

    from segscope.convert import describe_folder
    from segscope.data import is_dataset

    return None if is_dataset(source) else describe_folder(source)
