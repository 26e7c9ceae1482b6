"""BMP files as tests write and read them."""

import io
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from segscope.data.decoders.bmp import bmp_decoded

RANDOM = np.random.default_rng(0)


COLOURS = RANDOM.integers(0, 256, (256, 4)).astype(np.uint8)


def decoded(data, *, stored=False):
    return bmp_decoded(Path("a.bmp"), data, stored=stored)


def pillow(data):
    picture = PillowImage.open(io.BytesIO(data))
    return np.moveaxis(np.asarray(picture.convert("RGB")), -1, 0)


RUNS_8 = bytes([3, 9, 0, 4, 1, 2, 3, 4, 0, 0, 7, 5, 0, 0, 0, 3, 8, 8, 8, 0, 4, 6, 0, 1])
