"""Segmentations that are DICOM files: what they are, and the frame in which they lie."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segscope.convert.dicom_seg import read_seg, seg_names
from segscope.convert.rtstruct import read_rtstruct, rtstruct_names
from segscope.convert.segments import Segment
from segscope.data.decoders.decoded import decoding
from segscope.data.decoders.dicom_files import list_slices
from segscope.errors import InputError
from segscope.images import Grid
from segscope.paths import opened

_PREAMBLE, _MARK = 128, b"DICM"


def is_dicom(file: Path) -> bool:
    """Whether a file begins as DICOM files do, whatever its name."""
    with opened(file) as stream:
        return stream.read(_PREAMBLE + 4)[_PREAMBLE:] == _MARK


def object_names(file: Path) -> list[str]:
    """Names of the segments or regions of interest of a file.

    Raises:
        InputError: Neither a SEG nor an RTSTRUCT.
    """
    found = _opened(file)
    with decoding(file):
        return seg_names(found) if _kind(file, found) == "SEG" else rtstruct_names(found)


def read_objects(
    file: Path, grid: Grid, series: Path, *, threshold: float | None = None
) -> list[Segment]:
    """Read a DICOM SEG's or RTSTRUCT's objects onto an image's grid.

    Args:
        file: The segmentation.
        grid: Of the series as it is read.
        series: Folder of the image; both must lie in one frame of reference.
        threshold: From which share a voxel of a fractional segmentation belongs to its segment.

    Raises:
        InputError: Neither of both kinds, another frame or one that is not said, or as of
            `read_seg` and `read_rtstruct`.
    """
    frame = _frame_of(series)
    found = _opened(file)
    with decoding(file):
        if _kind(file, found) == "SEG":
            _same_frame(file, series, frame, [found.get("FrameOfReferenceUID")])
            return read_seg(file, found, grid, threshold)
        frames = [one.get("ReferencedFrameOfReferenceUID")
                  for one in found.get("StructureSetROISequence") or ()]  # fmt: skip
        _same_frame(file, series, frame, frames)
        return read_rtstruct(file, found, grid)


def _opened(file: Path) -> Any:
    import pydicom

    with decoding(file):
        return pydicom.dcmread(file)


def _kind(file: Path, found: Any) -> str:
    kind = str(found.get("Modality", ""))
    if kind not in ("SEG", "RTSTRUCT"):
        raise InputError(
            f"{file}: is DICOM of the modality {kind or 'none'}; labels are SEG or RTSTRUCT files"
        )
    return kind


def _frame_of(series: Path) -> str:
    """The frame of reference of a series; its reader has seen that all slices share it."""
    import pydicom

    if not series.is_dir():
        raise InputError(
            f"{series}: says no frame of reference, so nobody knows whether DICOM labels belong to "
            "it; give the DICOM series as the image"
        )
    first = list_slices(series).slices[0]
    with decoding(first):
        header = pydicom.dcmread(first, stop_before_pixels=True)
    found = header.get("FrameOfReferenceUID")
    if not found:
        raise InputError(f"{series}: has no FrameOfReferenceUID, so labels cannot be placed in it")
    return str(found)


def _same_frame(file: Path, series: Path, frame: str, frames: Sequence[Any]) -> None:
    for other in frames:
        if not other:
            raise InputError(f"{file}: says no frame of reference; export it again from its series")
        if str(other) != frame:
            raise InputError(
                f"{file}: lies in another frame of reference than {series}; take the series that "
                "it was drawn on"
            )
