"""NIfTI files with numbers of their headers replaced."""

import struct

import nibabel as nib
import numpy as np
import pytest

from segscope.data import read_image
from segscope.errors import InputError

AFFINE = np.diag([1.0, 1.5, 2.0, 1.0])


def made(path, *changes, affine=AFFINE, codes=(0, 1), extra=b"", array=None, kind=nib.Nifti1Image):
    """A good file with numbers of its header replaced: ``(place, format, values)``."""
    if array is None:
        array = np.arange(60, dtype=np.int16).reshape(4, 3, 5)
    image = kind(array, affine)
    image.header.set_xyzt_units("mm", "sec")
    image.set_qform(affine, codes[0])
    image.set_sform(affine, codes[1])
    raw = bytearray(image.to_bytes())
    for place, how, *values in changes:
        struct.pack_into(how, raw, place, *values)
    begin = int(image.header.sizeof_hdr) + 4
    path.write_bytes(bytes(raw[:begin]) + extra + bytes(raw[begin:]))
    return path


# where fields of the first version lie, from nifti1.h
DIM, PIXDIM, OFFSET, UNITS, QCODE, SCODE = 40, 76, 108, 123, 252, 254


QUATERN, SROW, INTENT, SLOPE, MAGIC, EXTENSION = 256, 280, 68, 112, 344, 348


def refused(path, words, reader=read_image):
    with pytest.raises(InputError, match=words) as caught:
        reader(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert "; " in said
    assert "\n" not in said
