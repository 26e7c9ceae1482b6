"""Markers of JPEG: every one has its fate."""

import io
import struct

import imagecodecs
import numpy as np
import pytest
from PIL import Image as PillowImage

from segscope.data.decoders.jpeg import FIELDS
from segscope.errors import InputError
from tests.data.decoders.jpeg_files import (
    COLOUR,
    PLAIN,
    RESTARTS,
    SOFT,
    decoded,
    inserted,
    mpo,
    saved,
    segment,
)


def refused(data, words):
    with pytest.raises(InputError, match=words) as caught:
        decoded(data)
    assert str(caught.value).startswith("a.jpg: ")
    assert "\n" not in str(caught.value)


def without(data, code):
    at = data.index(bytes([255, code]))
    return data[:at] + data[at + 2 + struct.unpack_from(">H", data, at + 2)[0] :]


def test_every_marker_of_the_standard_is_accounted_for():
    frames = {f"SOF{k}" for k in (0, 1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15)}
    apps = {f"APP{k}" for k in range(16)}
    others = "SOI EOI SOS DQT DHT DAC DRI RST DNL DHP EXP COM TEM JPG JPGn"
    assert set(FIELDS) == frames | apps | set(others.split())
    assert all(field.why for field in FIELDS.values())


@pytest.mark.parametrize("transform", [0, 1, None], ids=["RGB", "YCbCr", "unsaid"])
@pytest.mark.parametrize("ids", [b"RGB", b"\1\2\3"], ids=["letters", "numbers"])
def test_colours_are_those_that_the_markers_say(transform, ids):
    """Adobe's marker counts, then JFIF's, then the components' names; libjpeg agrees."""
    data = saved(COLOUR, subsampling=0)
    data = without(data, 0xE0)
    for k, name in enumerate(ids):  # in the frame and the scan
        for code, step, first in ((0xC0, 3, 10), (0xDA, 2, 5)):
            at = data.index(bytes([255, code])) + first + step * k
            data = data[:at] + bytes([name]) + data[at + 1 :]
    if transform is not None:
        data = inserted(data, segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform])))
    theirs = imagecodecs.jpeg8_decode(data)
    np.testing.assert_array_equal(np.moveaxis(decoded(data).array, 0, -1), theirs)


def test_two_markers_that_contradict_each_other_are_refused():
    adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0\0")
    refused(inserted(saved(COLOUR), adobe), "YCbCr .* and RGB")
    refused(inserted(without(saved(COLOUR), 0xE0), segment(0xEE, adobe[4:-1] + b"\2")), "transform")


def cmyk():
    stream = io.BytesIO()
    PillowImage.fromarray(COLOUR).convert("CMYK").save(stream, "jpeg")
    return stream.getvalue()


def at_frame(data, offset, value):
    changed = bytearray(data)
    changed[data.index(b"\xff\xc0") + 2 + offset] = value
    return bytes(changed)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (PLAIN[:-2], "its end is missing"),
        (PLAIN[: len(PLAIN) // 2], "cut short"),
        (PLAIN[:30], "cut short"),
        (PLAIN[:2], "its end is missing"),
        (PLAIN[: len(PLAIN) * 2 // 3] + b"\xff\xd9", "run out"),
        (SOFT[: len(SOFT) * 2 // 3] + b"\xff\xd9", "run out"),
        (RESTARTS[: len(RESTARTS) - 20] + b"\xff\xd9", "restarts|run out"),
        (RESTARTS[: RESTARTS.rindex(b"\xff\xd2")] + b"\xff\xd9", "restarts, .* are expected"),
        (RESTARTS.replace(b"\xff\xd1", b"\xff\xd3", 1), "restarts"),
        (without(RESTARTS, 0xDD), "does not belong"),
        (PLAIN + PLAIN, "second picture"),
        (mpo(), "several pictures"),
        (cmyk(), "CMYK"),
        (at_frame(PLAIN, 2, 12), "12 bits"),
        (at_frame(at_frame(PLAIN, 3, 0), 4, 0), "how many rows"),
        (at_frame(PLAIN, 5, 255), "sides"),
        (at_frame(at_frame(PLAIN, 3, 50), 5, 50), "too few"),
        (at_frame(PLAIN, 7, 2), "another length"),
        (at_frame(PLAIN, 9, 0), "cannot be"),
        (without(PLAIN, 0xC0), "before the header"),
        (without(PLAIN, 0xDB), "cannot be decoded"),
        (inserted(PLAIN, PLAIN[PLAIN.index(b"\xff\xc0") :][:19]), "two headers"),
        (PLAIN.replace(b"\xff\xc0", b"\xff\xc3"), "rare kind"),
        (PLAIN.replace(b"\xff\xc0", b"\xff\xc5"), "rare kind"),
        (inserted(PLAIN, segment(0xDC, b"\0\1")), "rare kind"),
        (inserted(PLAIN, segment(0xE8, b"SPIFF\0" + bytes(26))), "SPIFF"),
        (inserted(PLAIN, b"\xff\x02\0\2"), "does not belong"),
        (inserted(PLAIN, b"abc"), "damaged segments"),
        (b"\xff\xd8\xff\xd9", "no pixels"),
        (b"\x89PNG", "is not JPEG"),
    ],
    ids=[
        "no end", "half", "a segment cut", "nothing", "pixels run out", "progressive runs out",
        "restarts run out", "a restart missing", "restarts out of order", "restarts unsaid",
        "two pictures", "MPO",
        "CMYK", "12 bits", "no rows", "side too long", "bomb", "components", "sampling",
        "no header",
        "no quantisation", "two headers", "lossless", "hierarchical", "rows later", "SPIFF",
        "unknown marker", "garbage between", "empty", "PNG",
    ],
)  # fmt: skip
def test_what_is_not_whole_is_refused(data, words):
    refused(data, words)
