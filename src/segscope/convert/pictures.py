"""Pictures and masks of a source, those that only a conversion reads among them."""

from pathlib import Path

import numpy as np

from segscope.data import read_image, read_label
from segscope.data.decoders.decoded import decoding
from segscope.errors import InputError
from segscope.images import Grid, Image, LabelMap

PLANES = (".dcm", ".dicom")
"""Endings of single DICOM planes, as mammograms are."""


def read_picture(file: Path) -> Image:
    """Read an image, a folder of a series, or one DICOM plane as grey levels without a place.

    Raises:
        InputError: As of `read_image`; a plane of several frames, colours or rescaled values.
    """
    return _plane(file) if file.name.lower().endswith(PLANES) else read_image(file)


def read_mask(file: Path) -> LabelMap:
    """Read a label map; in JPEG or DICOM, which no reader of labels takes, as its grey levels.

    Raises:
        InputError: Not whole, or colours that are no grey.
    """
    if not file.name.lower().endswith((".jpg", ".jpeg", *PLANES)):
        return read_label(file)
    image = read_picture(file)
    if not (image.array == image.array[:1]).all():
        raise InputError(f"{file}: has colours, expected a mask in grey; write it again as .png")
    return LabelMap(image.array[0].astype(np.uint16), image.grid)


def _plane(file: Path) -> Image:
    import pydicom

    with decoding(file):
        found = pydicom.dcmread(file)
        kind = str(found.get("PhotometricInterpretation", ""))
        if kind != "MONOCHROME2" or int(found.get("NumberOfFrames") or 1) != 1:
            raise InputError(
                f"{file}: is {kind or 'of no kind'} of {found.get('NumberOfFrames') or 1} frames; "
                "one plane of grey levels (MONOCHROME2) is expected"
            )
        if float(found.get("RescaleSlope") or 1) != 1 or float(found.get("RescaleIntercept") or 0):
            raise InputError(f"{file}: rescales its values; give the folder of its series")
        array = found.pixel_array
    if array.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{file}: holds {array.dtype}, a picture has whole numbers from 0 on")
    return Image(array[None], Grid.from_spacing(array.shape))
