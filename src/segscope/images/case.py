"""A case: the files of one examination and what groups it with others."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """One subject's channels and, where known, its label map; files only, nothing read.

    Args:
        name: Unique in its dataset; predictions are named after it.
        image_files: One file per channel in the dataset's order, one file that holds all
            channels (RGB), or one folder with a DICOM series.
        label_file: The expert's label map, if there is one.
        subject: Who was examined; cases of one subject never lie on two sides of a split.
        frame_file: Where a template lies in the image, for networks that see it in that frame.
    """

    name: str
    image_files: tuple[Path, ...]
    label_file: Path | None = None
    subject: str | None = None
    frame_file: Path | None = None

    @property
    def inputs(self) -> tuple[Path, ...]:
        """All files that decide what a network is shown."""
        return (*self.image_files, *([self.frame_file] if self.frame_file else []))

    @property
    def files(self) -> tuple[Path, ...]:
        """All files, the label map last."""
        return (*self.inputs, *([self.label_file] if self.label_file else []))

    @property
    def group(self) -> str:
        """What splits keep together: the subject, or the case itself when none is known."""
        return self.subject or self.name
