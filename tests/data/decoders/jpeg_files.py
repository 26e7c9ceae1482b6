"""JPEG files as tests write and read them."""

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from segscope.data.decoders.jpeg import jpeg_decoded

RANDOM = np.random.default_rng(0)


COLOUR = np.kron(RANDOM.integers(0, 256, (5, 4, 3), dtype=np.uint8), np.ones((9, 11, 1), np.uint8))


def saved(array, **options):
    stream = io.BytesIO()
    PillowImage.fromarray(array).save(stream, "jpeg", **options)
    return stream.getvalue()


def decoded(data, *, stored=False):
    return jpeg_decoded(Path("a.jpg"), data, stored=stored)


def segment(code, body):
    return bytes([255, code]) + struct.pack(">H", len(body) + 2) + body


def inserted(data, *segments):
    return data[:2] + b"".join(segments) + data[2:]


def mpo(second=COLOUR[::-1]):
    stream = io.BytesIO()
    first = PillowImage.fromarray(COLOUR)
    first.save(stream, "MPO", save_all=True, append_images=[PillowImage.fromarray(second)])
    return stream.getvalue()


PLAIN = saved(COLOUR)


SOFT = saved(COLOUR, progressive=True)


RESTARTS = saved(COLOUR, restart_marker_blocks=1)
