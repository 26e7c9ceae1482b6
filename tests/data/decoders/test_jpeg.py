"""JPEG against Pillow and libjpeg, and what is refused of it."""

import io
import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image as PillowImage

from segscope.data.decoders.jpeg import FIELDS, jpeg_decoded
from segscope.errors import InputError

RANDOM = np.random.default_rng(0)
COLOUR = np.kron(RANDOM.integers(0, 256, (5, 4, 3), dtype=np.uint8), np.ones((9, 11, 1), np.uint8))
GREY = COLOUR[..., 0]


def saved(array, **options):
    stream = io.BytesIO()
    PillowImage.fromarray(array).save(stream, "jpeg", **options)
    return stream.getvalue()


def decoded(data, *, stored=False):
    return jpeg_decoded(Path("a.jpg"), data, stored=stored)


def refused(data, words):
    with pytest.raises(InputError, match=words) as caught:
        decoded(data)
    assert str(caught.value).startswith("a.jpg: ")
    assert "\n" not in str(caught.value)


def segment(code, body):
    return bytes([255, code]) + struct.pack(">H", len(body) + 2) + body


def inserted(data, *segments):
    return data[:2] + b"".join(segments) + data[2:]


def without(data, code):
    at = data.index(bytes([255, code]))
    return data[:at] + data[at + 2 + struct.unpack_from(">H", data, at + 2)[0] :]


def test_every_marker_of_the_standard_is_accounted_for():
    frames = {f"SOF{k}" for k in (0, 1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15)}
    apps = {f"APP{k}" for k in range(16)}
    others = "SOI EOI SOS DQT DHT DAC DRI RST DNL DHP EXP COM TEM JPG JPGn"
    assert set(FIELDS) == frames | apps | set(others.split())
    assert all(field.why for field in FIELDS.values())


@pytest.mark.parametrize(
    "options",
    [
        {}, {"quality": 100, "subsampling": 0}, {"subsampling": 1}, {"subsampling": 2},
        {"progressive": True}, {"restart_marker_blocks": 1}, {"restart_marker_rows": 1},
        {"optimize": True}, {"progressive": True, "restart_marker_rows": 1}, {"keep_rgb": True},
        {"dpi": (300, 300)}, {"comment": b"a text"}, {"icc_profile": bytes(70000)},
    ],
    ids=[
        "plain", "fine", "4:2:2", "4:2:0", "progressive", "restarts", "rows of restarts",
        "own tables", "progressive restarts", "RGB", "dpi", "comment", "profile",
    ],
)  # fmt: skip
@pytest.mark.parametrize("array", [GREY, COLOUR, COLOUR[:1, :1], COLOUR[:17, :33]],
                         ids=["grey", "colour", "one pixel", "odd"])  # fmt: skip
def test_pictures_are_read_as_pillow_reads_them(options, array):
    if array.ndim == 2:  # has no colours to be kept or thinned out
        options = {k: v for k, v in options.items() if k not in ("keep_rgb", "subsampling")}
    data = saved(array, **options)
    found = decoded(data)
    theirs = np.atleast_3d(np.asarray(PillowImage.open(io.BytesIO(data))))
    np.testing.assert_array_equal(np.moveaxis(found.array, 0, -1), theirs)
    assert found.notes == ()


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


def test_a_label_map_is_refused():
    with pytest.raises(InputError, match=r"JPEG, which changes labels.*\.png"):
        decoded(saved(GREY), stored=True)


@pytest.mark.parametrize("value", range(1, 9))
def test_the_picture_is_turned_as_viewers_turn_it(value):
    from PIL import ImageOps

    exif = PillowImage.Exif()
    exif[274] = value
    data = saved(COLOUR, exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(PillowImage.open(io.BytesIO(data))))
    found = decoded(data)
    np.testing.assert_array_equal(np.moveaxis(found.array, 0, -1), expected)
    assert any(f"orientation tag {value}" in note for note in found.notes) == (value > 1)


def mpo(second=COLOUR[::-1]):
    stream = io.BytesIO()
    first = PillowImage.fromarray(COLOUR)
    first.save(stream, "MPO", save_all=True, append_images=[PillowImage.fromarray(second)])
    return stream.getvalue()


def cmyk():
    stream = io.BytesIO()
    PillowImage.fromarray(COLOUR).convert("CMYK").save(stream, "jpeg")
    return stream.getvalue()


def at_frame(data, offset, value):
    changed = bytearray(data)
    changed[data.index(b"\xff\xc0") + 2 + offset] = value
    return bytes(changed)


PLAIN = saved(COLOUR)
SOFT = saved(COLOUR, progressive=True)
RESTARTS = saved(COLOUR, restart_marker_blocks=1)


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


@pytest.mark.parametrize(
    "data",
    [mpo(COLOUR[::4, ::4]), PLAIN + saved(GREY[::2, ::2]), mpo()[: -len(saved(COLOUR[::-1]))]],
    ids=["a preview", "a brightness map unsaid", "a preview that was cut off"],
)
def test_a_photo_is_read_beside_its_smaller_pictures(data):
    found = decoded(data)
    with PillowImage.open(io.BytesIO(data)) as picture:
        np.testing.assert_array_equal(found.array, np.moveaxis(np.asarray(picture), -1, 0))
    assert found.notes == ("smaller pictures beside it are not read",)


def test_a_film_behind_a_photo_is_no_second_picture():
    film = b"\0\0\0\x18ftypmp42" + bytes(9) + b"\xff\xd8\xff\x17" + bytes(9) + b"\xff\xd8\xff"
    found = decoded(PLAIN + film)
    assert found.notes == (f"{len(film)} bytes after its end are not read",)


def test_a_picture_whose_last_pixel_is_the_codecs_grey_is_read():
    flat = np.full((20, 20, 3), 128, np.uint8)
    for options in ({}, {"progressive": True}, {"restart_marker_blocks": 1}):
        np.testing.assert_array_equal(decoded(saved(flat, **options)).array, 128)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (PLAIN + bytes(5), "5 bytes after its end"),
        (saved(COLOUR, dpi=(100, 200)), "not square"),
        (inserted(PLAIN, segment(0xE1, b"Exif\0\0broken")), "cannot be read"),
        (inserted(PLAIN, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation='6'>")),
         "XMP"),
    ],
    ids=["bytes behind", "aspect", "broken EXIF", "XMP"],
)  # fmt: skip
def test_what_is_not_applied_is_said(data, words):
    found = decoded(data)
    assert found.array.shape == (3, *COLOUR.shape[:2])
    assert words in " ".join(found.notes)


def test_damage_is_refused_or_read_as_pillow_reads_it():
    """There is no checksum: a changed bit may change pixels; nothing but a refusal is raised."""
    random = np.random.default_rng(1)
    for data in (PLAIN, SOFT, RESTARTS):
        for _ in range(60):
            bad = bytearray(data)
            bad[int(random.integers(2, len(bad)))] ^= 1 << int(random.integers(8))
            try:
                found = decoded(bytes(bad))
            except InputError:
                continue
            theirs = np.asarray(PillowImage.open(io.BytesIO(bytes(bad))))
            np.testing.assert_array_equal(found.array, np.moveaxis(np.atleast_3d(theirs), -1, 0))
        for length in range(len(data)):
            with pytest.raises(InputError):
                decoded(data[:length])
