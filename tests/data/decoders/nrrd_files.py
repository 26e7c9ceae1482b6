"""NRRD files of one volume with fields changed, added or left out."""

import numpy as np
import pytest

from segscope.data import read_image
from segscope.errors import InputError

VOLUME = np.arange(210, dtype=np.int16).reshape(6, 7, 5) - 100
BODY = VOLUME.tobytes(order="F")
SPACE = {
    "space": "left-posterior-superior",
    "space directions": "(1,0,0) (0,2,0) (0,0,3)",
    "space origin": "(10,20,30)",
}
WHOLE = {"type": "short", "dimension": "3", "sizes": "6 7 5", "encoding": "raw", "endian": "little"}


def nrrd(path, fields=(), body=BODY, *, magic="NRRD0004", space=SPACE, without=(), lines=()):
    named = {**WHOLE, **space, **dict(fields)}
    header = [magic, *(f"{k}: {v}" for k, v in named.items() if k not in without), *lines, "", ""]
    path.write_bytes("\n".join(header).encode() + body)
    return path


def refused(path, words):
    with pytest.raises(InputError, match=words) as raised:
        read_image(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)
