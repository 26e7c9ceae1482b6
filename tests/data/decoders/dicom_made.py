"""DICOM series as tests write them."""

import numpy as np
import pytest

from segscope.data import read_image
from segscope.errors import InputError
from tests.fuzz_dicom import (
    EXPLICIT,
    SLICES,
    encode,
    pixels,
    slice_elements,
)


def write_series(folder, change=lambda k, e: None, *, syntax=EXPLICIT, slices=SLICES):
    """A CT series; ``change(k, elements)`` before slice k is written."""
    for k in range(slices):
        elements = slice_elements(k)
        change(k, elements)
        (folder / f"{k}.dcm").write_bytes(encode(elements, syntax))
    return folder


def refused(folder, words):
    with pytest.raises(InputError, match=words) as raised:
        read_image(folder)
    return str(raised.value)


def expected_values():
    """As the tags of a plain series say: sample - 1024, i along a row."""
    return np.stack([pixels(k).astype(int).T - 1024 for k in range(SLICES)], axis=-1)


def put(tag, vr, value, *, only=None):
    """Set a tag in all slices, or in one."""

    def change(k, elements):
        if only is None or k == only:
            elements[tag] = (vr, value)

    return change
