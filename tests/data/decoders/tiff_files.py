"""TIFF files as tests write and read them."""

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile

from segscope.data.decoders.tiff import tiff_decoded
from segscope.errors import InputError

GREY = np.arange(70, dtype=np.uint8).reshape(7, 10) * 3


def decoded(data, *, stored=False):
    return tiff_decoded(Path("a.tif"), data, stored=stored)


def refused(data, words, *, stored=False):
    with pytest.raises(InputError, match=words) as caught:
        decoded(data, stored=stored)
    assert str(caught.value).startswith("a.tif: ")
    assert "\n" not in str(caught.value)


def written(array, **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, **{"metadata": None, **options})
    return stream.getvalue()
