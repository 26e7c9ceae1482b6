"""Which cases are done: said only when their files are on the disk, so that a cut is no loss."""

import json
import os
from pathlib import Path
from typing import Self

from segscope.data.files import write_text
from segscope.progress import Cadence


class Journal:
    """A file of one line per case that is done; a line that was cut off counts as none.

    Files are not synced one by one, which would take most of the time; the system writes all of
    them from time to time, and only then are their cases written down.

    Args:
        file: May be there from a conversion that was stopped.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._cadence = Cadence()
        self._waiting: list[str] = []
        self._written: list[str] = []
        self.notes: dict[str, list[str]] = {}
        for line in file.read_text("utf-8").splitlines(keepends=True) if file.is_file() else ():
            if line.endswith("\n"):
                name, notes = json.loads(line)
                self.notes[name] = notes
                self._written.append(line)

    def add(self, name: str, notes: list[str]) -> None:
        """A case is placed."""
        self.notes[name] = notes
        self._waiting.append(json.dumps([name, notes]) + "\n")
        if self._cadence.due():
            self.sync()

    def sync(self) -> None:
        """Have everything written, then say so."""
        os.sync()
        self._written += self._waiting
        self._waiting = []
        write_text(self._file, "".join(self._written))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._waiting:
            self.sync()
