"""Cases that were read and prepared once, kept on disk for as long as an audit looks at them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any, Self, overload

import numpy as np
import torch
from numpy.typing import NDArray

from segscope.audit.cases import AuditCase, Opened, turned
from segscope.data.files import atomic_path
from segscope.errors import WorkError
from segscope.images import Case


class KeptCases(Sequence[Opened]):
    """Opened cases in a folder of their own, which goes away at the end of the ``with`` block.

    Arrays are memory-mapped when a case is asked for, so many cases take no memory.

    Args:
        place: The folder is made there, when there is something to keep; where the system keeps
            temporary files by default.

    Example:
        >>> with KeptCases() as kept:
        ...     kept.keep(Opened("a", torch.ones(1, 2, 3), None))
        ...     len(kept), kept.named("a").image.sum().item()
        (1, 6.0)
    """

    def __init__(self, place: Path | None = None) -> None:
        self._place = place
        self._made: TemporaryDirectory[str] | None = None
        self._cases: dict[str, Opened] = {}
        self._truths: dict[str, torch.dtype] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._made is not None:
            self._made.cleanup()

    def keep(self, case: Opened) -> None:
        """Store a case.

        Raises:
            WorkError: The disk is full, or cannot be written.
        """
        number, known = len(self._cases), case.prepared
        self._save(f"{number}", case.image.numpy() if known is None else known.array)
        if case.truth is not None:
            self._truths[case.name] = case.truth.dtype
            small = not case.truth.is_floating_point() and int(case.truth.max()) < 256
            self._save(f"{number}-truth", (case.truth.byte() if small else case.truth).numpy())
        nothing = np.empty(0, np.float32)
        self._cases[case.name] = replace(
            case,
            image=torch.empty(0),
            truth=None,
            prepared=None if known is None else replace(known, array=nothing),
        )

    def named(self, name: str) -> Opened:
        """Return a case as it was."""
        number, case = list(self._cases).index(name), self._cases[name]
        array, truth = self._load(f"{number}"), None
        if name in self._truths:
            truth = torch.from_numpy(self._load(f"{number}-truth")).to(self._truths[name])
        known = None if case.prepared is None else replace(case.prepared, array=array)
        image = torch.from_numpy(array)
        return replace(
            case,
            image=image if known is None else turned(image, case.axes),
            truth=truth,
            prepared=known,
        )

    def instead_of(self, cases: Sequence[Case]) -> "Sequence[AuditCase]":
        """The cases, with what is kept of them in their places when they are asked for."""
        return _Instead(self, cases)

    def knows(self, name: str) -> bool:
        """Whether a case of this name is kept."""
        return name in self._cases

    def __len__(self) -> int:
        return len(self._cases)

    @overload
    def __getitem__(self, index: int) -> Opened: ...
    @overload
    def __getitem__(self, index: slice) -> list[Opened]: ...
    def __getitem__(self, index: int | slice) -> Opened | list[Opened]:
        names = list(self._cases)[index]
        return self.named(names) if isinstance(names, str) else [self.named(n) for n in names]

    def _folder(self) -> Path:
        """The folder, made when there is something to keep: work that is refused leaves nothing."""
        if self._made is None:
            if self._place is not None:
                self._place.mkdir(parents=True, exist_ok=True)
            self._made = TemporaryDirectory(
                prefix=".cases-", dir=self._place, ignore_cleanup_errors=True
            )
        return Path(self._made.name)

    def _save(self, name: str, array: NDArray[Any]) -> None:
        try:
            file = self._folder() / f"{name}.npy"
            with atomic_path(file, sync=False) as temporary, temporary.open("wb") as stream:
                np.save(stream, array, allow_pickle=False)
        except (OSError, WorkError) as error:
            raise WorkError(
                f"{self._place or gettempdir()}: a prepared case could not be kept "
                f"({getattr(error, 'strerror', None) or error}); free some space on this disk"
            ) from error

    def _load(self, name: str) -> NDArray[Any]:
        # copied on write: nobody changes what is kept
        file = self._folder() / f"{name}.npy"
        return np.load(file, mmap_mode="c", allow_pickle=False)


class _Instead(Sequence[AuditCase]):
    def __init__(self, kept: KeptCases, cases: Sequence[Case]) -> None:
        self._kept, self._cases = kept, cases

    def __len__(self) -> int:
        return len(self._cases)

    @overload
    def __getitem__(self, index: int) -> AuditCase: ...
    @overload
    def __getitem__(self, index: slice) -> list[AuditCase]: ...
    def __getitem__(self, index: int | slice) -> AuditCase | list[AuditCase]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        case = self._cases[index]
        return self._kept.named(case.name) if self._kept.knows(case.name) else case
