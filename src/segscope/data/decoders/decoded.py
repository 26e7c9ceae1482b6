"""What every decoder returns, and the one way in which a library's error becomes the file's."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.errors import InputError, WorkError
from segscope.paths import said_of

_LONGEST = 200


@dataclass(frozen=True, eq=False)
class Decoded:
    """A file's content, before its values are judged.

    Args:
        array: ``(C, *S)`` in real values (rescaled as the file says), as numbers of this machine.
        affine: ``(n + 1, n + 1)`` from voxel indices to RAS+ millimetres; the unit matrix for
            plane images.
        notes: What had to be chosen or changed, in sentences a person can read.
        modality: As DICOM names it (``CT``, ``MR``, ``US``); None where the file does not say.
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]
    notes: tuple[str, ...] = ()
    modality: str | None = None


def _words_of(error: Exception) -> str:
    try:
        return str(error)
    except Exception:  # some errors of libraries cannot say what they are
        return ""


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Turn whatever a library raises about a file into an `InputError` that names the file.

    `InputError` and `WorkError` pass as they are, and so does what is no fault of anything:
    interruption. Memory that ran out is the file's too: others may be read.

    Example:
        >>> with decoding(Path("a.tif")):
        ...     raise KeyError(64)
        Traceback (most recent call last):
        segscope.errors.InputError: a.tif: cannot be decoded (KeyError: 64); copy it again
    """
    try:
        yield
    except (InputError, WorkError):
        raise
    except MemoryError as error:
        raise InputError(
            f"{path}: is too large for this machine's memory; free memory, or use another machine"
        ) from error
    except Exception as error:  # codecs raise errors of their own, in any class
        if isinstance(error, OSError) and error.errno is not None:
            raise InputError(f"{path}: {said_of(error)}") from error
        said = " ".join(_words_of(error).split())[:_LONGEST]
        kind = type(error).__name__
        raise InputError(
            f"{path}: cannot be decoded ({kind}{': ' if said else ''}{said}); copy it again"
        ) from error
