"""MetaImage files as tests write and read them."""

import numpy as np
import pytest

from segscope.data import read_image
from segscope.errors import InputError

VOLUME = np.arange(210, dtype=np.int16).reshape(6, 7, 5) - 100


BODY = VOLUME.tobytes(order="F")


WHOLE = {
    "ObjectType": "Image",
    "NDims": "3",
    "BinaryData": "True",
    "BinaryDataByteOrderMSB": "False",
    "CompressedData": "False",
    "Offset": "10 20 30",
    "ElementSpacing": "1 2 3",
    "DimSize": "6 7 5",
    "ElementType": "MET_SHORT",
}


PLAIN = np.array([[-1, 0, 0, -10], [0, -2, 0, -20], [0, 0, 3, 30], [0, 0, 0, 1.0]])


def mha(path, fields=(), body=BODY, *, without=(), lines=(), last="LOCAL"):
    named = {**WHOLE, **dict(fields)}
    header = [*(f"{k} = {v}" for k, v in named.items() if k not in without), *lines]
    path.write_bytes("\n".join([*header, f"ElementDataFile = {last}", ""]).encode() + body)
    return path


def refused(path, words):
    with pytest.raises(InputError, match=words) as raised:
        read_image(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


def equal(path, notes=()):
    found = read_image(path)
    np.testing.assert_array_equal(found.array[0], VOLUME)
    np.testing.assert_array_equal(found.grid.affine, PLAIN)
    assert found.notes == notes
    return found
