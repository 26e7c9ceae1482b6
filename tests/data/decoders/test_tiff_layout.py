"""Where the pixels of TIFF lie: strips, tiles, planes; one plane is the whole."""

import io
import json
import struct

import numpy as np
import pytest
import tifffile

from tests.data.decoders.tiff_files import GREY, decoded, refused, written
from tests.plane_files import tiff

COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], -1)


SMOOTH = np.kron(np.arange(12, dtype=np.uint8).reshape(3, 4) * 20, np.ones((16, 16), np.uint8))


@pytest.mark.parametrize("width", [3, 4, 10])
@pytest.mark.parametrize("tile", [None, (16, 16)], ids=["strips", "tiles"])
@pytest.mark.parametrize("compression", [None, "zlib"], ids=["none", "zlib"])
def test_samples_in_planes_of_their_own_are_colours(width, tile, compression):
    planes = np.random.default_rng(2).integers(0, 256, (3, 8, width), dtype=np.uint8)
    data = written(planes, photometric="rgb", planarconfig="separate", tile=tile,
                   compression=compression)  # fmt: skip
    np.testing.assert_array_equal(decoded(data).array, planes)


@pytest.mark.parametrize("compression", ["jpeg2000", "webp"])
def test_pictures_in_strips(compression):
    shape = (48, 64, 3) if compression == "webp" else (48, 64)
    array = np.broadcast_to(SMOOTH.reshape(48, 64, *[1] * (len(shape) - 2)), shape).copy()
    options = {"lossless": True} if compression == "webp" else {}
    data = written(array, compression=compression, compressionargs=options,
                   photometric="rgb" if len(shape) == 3 else "minisblack")  # fmt: skip
    for stored in (False, True):
        found = np.moveaxis(decoded(data, stored=stored).array, 0, -1)
        np.testing.assert_array_equal(found.reshape(shape), array)


def stack(**options):
    return written(np.arange(192, dtype=np.uint8).reshape(3, 8, 8), photometric="minisblack",
                   **options)  # fmt: skip


def two_pages(second, **options):
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(SMOOTH, metadata=None)
        writer.write(second, metadata=None, **options)
    return stream.getvalue()


def pyramid():
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(SMOOTH, subifds=1, metadata=None)
        writer.write(SMOOTH[::2, ::2], subfiletype=1, metadata=None)
    return stream.getvalue()


IMAGEJ = b"ImageJ=1.53t\nimages=3\nslices=3\n\0"


OME = (b'<?xml version="1.0"?><OME><Image><Pixels SizeX="10" SizeY="7" SizeC="1" SizeZ="3" '
       b'SizeT="1"/></Image></OME>\0')  # fmt: skip


LSM = struct.pack("<7i", 0x400494C, 28, 10, 7, 3, 1, 1)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (stack(), "3 pages"),
        (stack(metadata={}), "3 pages"),
        (stack(imagej=True, metadata={}), "3 pages|3 planes"),
        (stack(ome=True, metadata={}), "3 pages"),
        (stack(truncate=True, metadata={}), "3 planes"),
        (stack(truncate=True), "room for another plane"),
        (written(np.zeros((16, 16, 16), np.uint8), volumetric=True, tile=(16, 16)), "16 planes"),
        (two_pages(SMOOTH), "2 pages"),
        (two_pages(SMOOTH[::2, ::2]), "2 pages"),
        (tiff(GREY, {270: (2, IMAGEJ)}, behind=GREY.tobytes() * 2), "3 planes"),
        (tiff(GREY, {270: (2, IMAGEJ)}), "3 planes"),
        (tiff(GREY, {270: (2, b"ImageJ=1.53t\nchannels=2\n\0")}), "2 planes"),
        (tiff(GREY, {270: (2, OME)}), "3 planes"),
        (tiff(GREY, {270: (2, json.dumps({"shape": [3, 7, 10]}).encode())}), "3 planes"),
        (tiff(GREY, behind=GREY.tobytes()), "room for another plane"),
        (tiff(GREY, {33629: (5, [(1, 1)] * 6)}), "6 planes"),
        (tiff(GREY, {34412: (1, list(LSM))}), "3 planes"),
        (tiff(GREY, {32997: (3, [4])}), "4 planes"),
        (tiff(GREY, {254: (4, [4])}), "transparency mask"),
        (tiff(GREY, {254: (4, [1])}), "0 pages"),
    ],
    ids=[
        "pages", "pages with shape", "ImageJ", "OME", "one directory with shape", "one directory",
        "volume", "pages of one size", "pages of two sizes", "ImageJ with planes behind",
        "ImageJ's text", "ImageJ's channels", "OME's text", "shape", "bytes behind", "MetaMorph",
        "LSM", "depth", "mask", "a smaller copy alone",
    ],
)  # fmt: skip
def test_no_plane_is_taken_for_the_whole(data, words):
    refused(data, words)
    refused(data, words, stored=True)


@pytest.mark.parametrize(
    "data",
    [pyramid(), two_pages(SMOOTH[::2, ::2], subfiletype=1)],
    ids=["sub-directory", "chain"],
)
def test_smaller_copies_are_said(data):
    found = decoded(data)
    np.testing.assert_array_equal(found.array[0], SMOOTH)
    assert "1 smaller copies" in found.notes[0]


@pytest.mark.parametrize(
    "options",
    [{"imagej": True}, {"ome": True}, {}, {"bigtiff": True}, {"description": "a text"}],
    ids=["ImageJ", "OME", "shaped", "big", "text"],
)
def test_one_plane_with_such_texts_is_read(options):
    for array in (GREY, COLOUR):
        found = decoded(written(array, **{"metadata": {}, **options}))
        np.testing.assert_array_equal(np.moveaxis(found.array, 0, -1), np.atleast_3d(array))
        assert found.notes == ()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (tiff(GREY, {273: (4, [0])}), "over its header"),
        (tiff(GREY, {273: (4, [4])}), "over its header"),
        (tiff(GREY, {273: (4, [60])}), "over its header"),
        (tiff(GREY, {273: (4, [100])}), "over its header|beyond"),
        (tiff(GREY, {273: (4, [9999])}), "beyond its"),
        (tiff(GREY, {273: (4, [8, 8]), 278: (3, [4]), 279: (4, [40, 30])}), "each other"),
        (tiff(GREY, {273: (4, [8, 47]), 278: (3, [4]), 279: (4, [40, 30])}), "each other"),
        (tiff(GREY, {279: (4, [69])}), "holds 69 bytes, its header announces 70"),
        (tiff(GREY, {279: (4, [0])}), "beyond its"),
        (tiff(GREY, {278: (3, [4])}), "1 offsets and 1 sizes of 2 blocks"),
        (tiff(GREY, {278: (3, [0])}), "RowsPerStrip 0"),
        (tiff(GREY, {257: (3, [14]), 278: (3, [14])}), "holds 70 bytes, its header announces 140"),
        (tiff(GREY, {256: (3, [0])}), "sides of 1"),
        (tiff(GREY, {256: (4, [40000])}), "sides of 1"),
        (tiff(GREY, {277: (3, [3])}), "samples per pixel"),
        (tiff(GREY, {322: (3, [16])}), "strips and tiles"),
        (tiff(GREY, drop=[262]), "PhotometricInterpretation is missing"),
        (tiff(GREY, drop=[279]), "StripByteCounts is missing"),
        (tiff(GREY, drop=[256]), "ImageWidth is missing"),
        (tiff(GREY, {258: (11, [8.0])}), "whole number"),
        (tiff(GREY, {259: (3, [6])}), "compression 6"),
        (tiff(GREY, {259: (3, [34887])}), "compression 34887"),
        (tiff(GREY, {262: (3, [5])}), "CMYK"),
        (tiff(GREY, {262: (3, [8])}), "Lab"),
        (tiff(GREY, {262: (3, [32803])}), "CFA"),
        (tiff(GREY, {262: (3, [99])}), "colour space 99"),
        (tiff(GREY, {262: (3, [3])}), "ColorMap is missing"),
        (tiff(GREY, {262: (3, [3]), 320: (3, [0] * 9)}), "a palette of 9"),
        (tiff(GREY, {284: (3, [3])}), "PlanarConfiguration 3"),
        (tiff(GREY, {317: (3, [2])}), "do not go together"),
        (tiff(GREY, {339: (3, [9])}), "SampleFormat 9"),
        (tiff(GREY.astype(np.complex64), {339: (3, [6])}, bits=64), "complex"),
        (tiff(GREY, {339: (3, [3])}), "8-bit floating point"),
        (tiff(np.zeros((7, 10)), {339: (3, [3])}, bits=24, blocks=[bytes(210)]), "24-bit"),
        (tiff(COLOUR, {258: (3, [5, 6, 5])}), "5, 6, 5"),
        (tiff(np.dstack([GREY, GREY, GREY])[..., :2], {262: (3, [1]), 338: (3, [7])}), "ExtraSam"),
        (tiff(np.dstack([COLOUR, COLOUR]), {262: (3, [2])}), "6 samples per pixel"),
        (tiff(GREY)[:-5], "cut short"),
        (tiff(GREY)[:60], "directory"),
        (tiff(GREY)[:6], "is not TIFF"),
        (b"II*\0" + struct.pack("<I", 4) + bytes(50), "directory"),
        (b"II*\0" + struct.pack("<IHI", 8, 0, 8) + bytes(50), "circle"),
    ],
    ids=[
        "pixels at 0", "pixels in the header", "pixels over the directory", "pixels over values",
        "pixels beyond", "strips twice", "strips overlap", "strip short", "strip empty",
        "too few strips", "no rows per strip", "too few rows", "no columns", "side too long",
        "samples", "strips and tiles", "no colour model", "no byte counts", "no width",
        "type", "old JPEG", "LERC", "CMYK", "Lab", "raw camera", "unknown colours", "no palette",
        "short palette", "planes", "differences of nothing", "format", "complex", "half floats",
        "24 bits", "unequal depths", "extra", "six channels", "cut", "cut before the directory",
        "cut in the header", "directory in the header", "circle",
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused(data, words):
    refused(data, words)
    refused(data, words, stored=True)
