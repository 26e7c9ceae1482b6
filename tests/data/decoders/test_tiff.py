"""TIFF against bytes made by hand, and against tifffile and Pillow."""

import io
import json
import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from segscope.data.decoders.tiff import FIELDS, tiff_decoded
from segscope.data.decoders.tiff_tags import TAGS
from segscope.errors import InputError
from tests.plane_files import tiff

GREY = np.arange(70, dtype=np.uint8).reshape(7, 10) * 3
COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], -1)
LABELS = np.zeros((8, 8), np.uint8)
LABELS[2:4, 2:4], LABELS[5:7, 5:7] = 1, 2
SMOOTH = np.kron(np.arange(12, dtype=np.uint8).reshape(3, 4) * 20, np.ones((16, 16), np.uint8))


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


def test_every_tag_of_the_standard_is_accounted_for():
    baseline = """NewSubfileType SubfileType ImageWidth ImageLength BitsPerSample Compression
        PhotometricInterpretation Threshholding CellWidth CellLength FillOrder ImageDescription Make
        Model StripOffsets Orientation SamplesPerPixel RowsPerStrip StripByteCounts MinSampleValue
        MaxSampleValue XResolution YResolution PlanarConfiguration FreeOffsets FreeByteCounts
        GrayResponseUnit GrayResponseCurve ResolutionUnit Software DateTime Artist HostComputer
        ColorMap ExtraSamples Copyright"""
    extensions = """DocumentName PageName XPosition YPosition T4Options T6Options PageNumber
        TransferFunction Predictor WhitePoint PrimaryChromaticities HalftoneHints TileWidth
        TileLength TileOffsets TileByteCounts InkSet InkNames NumberOfInks DotRange TargetPrinter
        SampleFormat SMinSampleValue SMaxSampleValue TransferRange JPEGProc JPEGInterchangeFormat
        JPEGInterchangeFormatLength JPEGRestartInterval JPEGLosslessPredictors JPEGPointTransforms
        JPEGQTables JPEGDCTables JPEGACTables YCbCrCoefficients YCbCrSubSampling YCbCrPositioning
        ReferenceBlackWhite"""
    supplements = """SubIFDs ClipPath XClipPathUnits YClipPathUnits Indexed JPEGTables OPIProxy
        BadFaxLines CleanFaxData ConsecutiveBadFaxLines GlobalParametersIFD ProfileType FaxProfile
        CodingMethods VersionYear ModeNumber Decode DefaultImageColor StripRowCounts XMP
        ImageSourceData"""
    assert set((baseline + " " + extensions + " " + supplements).split()) <= set(FIELDS)
    for number, (name, _) in TAGS.items():
        theirs = tifffile.TIFF.TAGS.get(number)
        if theirs and name in (baseline + extensions) and name != "Threshholding":
            assert theirs.lower().rstrip("s") == name.lower().rstrip("s"), number
    assert len(FIELDS) == len(TAGS)


@pytest.mark.parametrize("order", "<>", ids=["little", "big"])
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 32])
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_whole_numbers_of_every_depth_come_back(order, samples, bits, seed):
    random = np.random.default_rng(seed)
    rows, columns = random.integers(1, 20, 2)
    kind = np.uint32 if bits == 32 else np.uint16
    array = random.integers(0, 2**bits, (rows, columns, samples)).astype(kind)
    data = tiff(array, bits=bits, order=order, big=bool(seed % 2))
    for stored in (False, True):
        found = decoded(data, stored=stored)
        np.testing.assert_array_equal(np.moveaxis(found.array, 0, -1), array)
    theirs = tifffile.imread(io.BytesIO(data))
    np.testing.assert_array_equal(theirs.reshape(array.shape), array)
    assert any(f"{bits} bit" in note for note in found.notes) == (bits not in (8, 16, 32))


@pytest.mark.parametrize(
    ("kind", "format_"),
    [("i1", 2), ("i2", 2), ("i4", 2), ("i8", 2), ("u8", 1), ("f2", 3), ("f4", 3), ("f8", 3)],
)
@pytest.mark.parametrize("order", "<>", ids=["little", "big"])
def test_signed_and_floating_point_numbers_come_back(kind, format_, order):
    array = (GREY.astype(kind) - np.array(9).astype(kind)) if kind != "u8" else GREY.astype(kind)
    data = tiff(array, {339: (3, [format_])}, bits=array.dtype.itemsize * 8, order=order)
    found = decoded(data).array
    np.testing.assert_array_equal(found[0], array)
    assert found.dtype == np.dtype(kind)


LOSSLESS = ["none", "zlib", "lzw", "packbits", "lzma", "zstd"]
WITH_DIFFERENCES = [(name, True) for name in LOSSLESS if name not in ("none", "packbits")]


@pytest.mark.parametrize(
    ("compression", "predictor"), [*((name, False) for name in LOSSLESS), *WITH_DIFFERENCES]
)
@pytest.mark.parametrize("tile", [None, (16, 16)], ids=["strips", "tiles"])
@pytest.mark.parametrize("order", "<>", ids=["little", "big"])
def test_every_compression_of_every_kind_comes_back(compression, predictor, tile, order):
    random = np.random.default_rng(1)
    for kind in (np.uint8, np.uint16, np.uint32, np.float32, np.float64):
        for shape in ((37, 21), (37, 21, 3)):
            array = random.integers(0, 250, shape).astype(kind)
            data = written(
                array, compression=None if compression == "none" else compression, tile=tile,
                predictor=predictor, byteorder=order, rowsperstrip=None if tile else 5,
                photometric="rgb" if len(shape) == 3 else "minisblack",
            )  # fmt: skip
            found = np.moveaxis(decoded(data).array, 0, -1)
            np.testing.assert_array_equal(found.reshape(shape), array)


@pytest.mark.parametrize("width", [3, 4, 10])
@pytest.mark.parametrize("tile", [None, (16, 16)], ids=["strips", "tiles"])
@pytest.mark.parametrize("compression", [None, "zlib"], ids=["none", "zlib"])
def test_samples_in_planes_of_their_own_are_colours(width, tile, compression):
    planes = np.random.default_rng(2).integers(0, 256, (3, 8, width), dtype=np.uint8)
    data = written(planes, photometric="rgb", planarconfig="separate", tile=tile,
                   compression=compression)  # fmt: skip
    np.testing.assert_array_equal(decoded(data).array, planes)


@pytest.mark.parametrize("compression", ["tiff_ccitt", "group3", "group4"])
@pytest.mark.parametrize("fill", [1, 2])
def test_a_fax_has_its_bits(compression, fill):
    bits = np.random.default_rng(0).random((20, 33)) > 0.7
    stream = io.BytesIO()
    PillowImage.fromarray(bits).save(stream, "tiff", compression=compression)
    data = stream.getvalue()
    if fill == 2:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages.first
            block = data[page.dataoffsets[0] :][: page.databytecounts[0]]
            code = int(page.compression)
        block = bytes(int(f"{b:08b}"[::-1], 2) for b in block)
        data = tiff(bits, {259: (3, [code]), 266: (3, [2])}, bits=1, blocks=[block])
    np.testing.assert_array_equal(decoded(data).array[0], bits)


def test_bits_in_the_other_order_are_turned():
    block = bytes([0b00000001, 0b10000000])
    array = np.zeros((2, 8), np.uint8)
    plain = decoded(tiff(array, bits=1, blocks=[block])).array[0]
    turned = decoded(tiff(array, {266: (3, [2])}, bits=1, blocks=[block])).array[0]
    assert plain.tolist() == [[0, 0, 0, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 0, 0, 0]]
    assert turned.tolist() == plain[:, ::-1].tolist()
    refused(tiff(GREY, {266: (3, [2])}), "FillOrder")


def test_a_palette_is_colours_for_images_and_indices_for_labels():
    table = np.zeros((3, 256), np.uint16)
    table[0, 1] = table[1, 2] = 65535
    data = written(LABELS, photometric="palette", colormap=table)
    image = decoded(data)
    assert image.array.dtype == np.uint8
    assert image.array[:, 2, 2].tolist() == [255, 0, 0]
    assert image.array[:, 5, 5].tolist() == [0, 255, 0]
    assert image.notes == ("palette replaced by its colours",)
    label = decoded(data, stored=True)
    np.testing.assert_array_equal(label.array[0], LABELS)
    assert "indices" in label.notes[0]
    table[0, 1] = 65534  # more than 8 bits
    fine = decoded(written(LABELS, photometric="palette", colormap=table))
    assert fine.array[:, 2, 2].tolist() == [65534, 0, 0]


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_palette_of_few_bits(bits):
    count = 2**bits
    indices = GREY % count
    table = np.random.default_rng(bits).integers(0, 256, (3, count))
    tags = {262: (3, [3]), 320: (3, list((table * 257).ravel()))}
    data = tiff(indices, tags, bits=bits)
    np.testing.assert_array_equal(decoded(data).array, table[:, indices])
    np.testing.assert_array_equal(decoded(data, stored=True).array[0], indices)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint32])
def test_where_zero_is_white_an_image_is_turned_round_and_a_label_is_not(kind):
    array = (LABELS * 100).astype(kind)
    data = written(array, photometric="miniswhite")
    image = decoded(data)
    assert image.array.dtype == kind
    np.testing.assert_array_equal(image.array[0], np.iinfo(kind).max - array)
    assert "0 is white" in image.notes[0]
    label = decoded(data, stored=True)
    np.testing.assert_array_equal(label.array[0], array)
    assert "0 is white" in label.notes[0]
    refused(written(array.astype(np.float32), photometric="miniswhite"), "MINISBLACK")
    refused(written(array.astype(np.int16), photometric="miniswhite"), "MINISBLACK")


def test_few_bits_where_zero_is_white():
    array = GREY % 4
    data = tiff(array, {262: (3, [0])}, bits=2)
    np.testing.assert_array_equal(decoded(data).array[0], 3 - array)
    np.testing.assert_array_equal(decoded(data, stored=True).array[0], array)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("extra", [0, 1, 2], ids=["unsaid", "multiplied", "plain"])
@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
def test_an_opaque_alpha_channel_is_dropped_and_a_transparent_one_refused(kind, extra, colour):
    full = 1.0 if kind == np.float32 else np.iinfo(kind).max
    plain = (COLOUR if colour else GREY[..., None]).astype(kind)
    opaque = np.concatenate([plain, np.full_like(plain[..., :1], full)], -1)
    tags = {338: (3, [extra]), 262: (3, [2 if colour else 1])}
    if kind == np.float32:
        tags[339] = (3, [3] * opaque.shape[2])
    bits = opaque.dtype.itemsize * 8
    found = decoded(tiff(opaque, tags, bits=bits))
    np.testing.assert_array_equal(np.moveaxis(found.array, 0, -1), plain)
    assert found.notes == ("opaque alpha channel dropped",)
    opaque[3, 4, -1] -= np.array(0.5 if kind == np.float32 else 1).astype(kind)
    refused(tiff(opaque, tags, bits=bits), "transparent")
    refused(tiff(opaque, tags, bits=bits), "transparent", stored=True)


@pytest.mark.parametrize("compression", [None, "jpeg"], ids=["none", "JPEG"])
def test_luminance_and_chrominance_become_rgb(compression):
    colour = np.kron(np.random.default_rng(0).integers(0, 256, (2, 3, 3), dtype=np.uint8),
                     np.ones((16, 16, 1), np.uint8))  # fmt: skip
    if compression:
        data = written(colour, photometric="ycbcr", compression="jpeg")
        expected = np.asarray(PillowImage.open(io.BytesIO(data)).convert("RGB"))
    else:
        picture = PillowImage.fromarray(colour)
        data = written(np.asarray(picture.convert("YCbCr")), photometric="ycbcr")
        expected = np.asarray(picture.convert("YCbCr").convert("RGB"))
    found = np.moveaxis(decoded(data).array, 0, -1)
    assert int(np.abs(found.astype(int) - expected).max()) <= (6 if compression else 1)


def test_jpeg_in_rgb_is_not_converted_twice():
    colour = np.kron(np.random.default_rng(1).integers(0, 256, (2, 3, 3), dtype=np.uint8),
                     np.ones((16, 16, 1), np.uint8))  # fmt: skip
    for photometric in ("rgb", "ycbcr"):
        for tile in (None, (16, 16)):
            data = written(colour, photometric=photometric, compression="jpeg", tile=tile)
            theirs = tifffile.imread(io.BytesIO(data))
            ours = np.moveaxis(decoded(data).array, 0, -1)
            assert int(np.abs(ours.astype(int) - theirs).max()) <= 2


def test_a_jpeg_of_pillow_with_tables_apart():
    stream = io.BytesIO()
    PillowImage.fromarray(np.stack([SMOOTH] * 3, -1)).save(stream, "tiff", compression="jpeg")
    ours = decoded(stream.getvalue()).array
    theirs = np.asarray(PillowImage.open(io.BytesIO(stream.getvalue())))
    assert int(np.abs(np.moveaxis(ours, 0, -1).astype(int) - theirs).max()) <= 2


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


@pytest.mark.parametrize(
    ("compression", "options"),
    [
        ("jpeg", {}),
        ("webp", {"level": 50, "lossless": False}),
        ("jpeg2000", {"level": 30, "reversible": False}),
    ],
    ids=["JPEG", "WebP", "JPEG 2000"],
)
def test_a_label_that_compression_changed_is_refused(compression, options):
    array = np.stack([SMOOTH] * 3, -1)
    data = written(array, compression=compression, compressionargs=options, photometric="rgb")
    assert decoded(data).array.shape == (3, 48, 64)
    refused(data, "changes labels", stored=True)


@pytest.mark.parametrize("value", range(1, 9))
def test_the_picture_is_turned_as_viewers_turn_it(value):
    data = tiff(GREY, {274: (3, [value])})
    expected = np.asarray(PillowImage.open(io.BytesIO(data)))  # turns by itself
    for stored in (False, True):
        found = decoded(data, stored=stored)
        np.testing.assert_array_equal(found.array[0], expected)
        assert any(f"orientation tag {value}" in note for note in found.notes) == (value > 1)


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


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({282: (5, [(300, 1)]), 283: (5, [(150, 1)])}, "not square"),
        ({270: (2, b"ImageJ=1.5\nc0=-32768.0\nc1=1.0\n\0")}, "ImageJ scales"),
        ({42113: (2, b"-9999\0")}, "-9999 stands for no data"),
        ({42112: (2, b'<Item name="SCALE" role="scale">2</Item>\0')}, "GDAL scales"),
        ({433: (10, [(0, 1), (1, 1)])}, "Decode"),
        ({700: (1, list(b'<x tiff:Orientation="6"/>'))}, "XMP"),
        ({339: (3, [4])}, "undefined"),
        ({11: (3, [1])}, "unknown tags: 11"),
        ({274: (3, [0])}, "no meaning"),
    ],
    ids=["aspect", "ImageJ's scale", "no data", "GDAL's scale", "Decode", "XMP", "undefined",
         "unknown", "orientation 0"],
)  # fmt: skip
def test_what_is_not_applied_is_said(tags, words):
    found = decoded(tiff(GREY, tags))
    np.testing.assert_array_equal(found.array[0], GREY)
    assert words in " ".join(found.notes)


@pytest.mark.parametrize("compression", ["zlib", "lzma", "zstd", "packbits", "lzw", "jpeg",
                                         "jpeg2000", "webp", None])  # fmt: skip
def test_damage_is_an_error_of_the_file_and_never_a_crash(compression):
    random = np.random.default_rng(4)
    array = random.integers(0, 255, (20, 20, 3), dtype=np.uint8)
    data = written(array, compression=compression, photometric="rgb")
    good = decoded(data).array
    start = data.index(b"tifffile.py") + 12
    seen = changed = 0
    for _ in range(60):
        bad = bytearray(data)
        bad[int(random.integers(start, len(data)))] ^= 1 << int(random.integers(8))
        try:
            same = np.array_equal(decoded(bytes(bad)).array, good)
        except InputError:
            same = True
            seen += 1
        changed += not same
    if compression in ("zlib", "lzma"):  # these have a checksum
        assert changed == 0
        assert seen > 50
    for length in range(len(data) - 40, len(data)):
        with pytest.raises(InputError):
            decoded(data[:length])
    with pytest.raises(InputError):
        decoded(data[: len(data) // 2])


def test_a_codec_error_of_every_kind_names_the_file(monkeypatch):
    kinds = [getattr(imagecodecs, name) for name in dir(imagecodecs) if name.endswith("Error")]
    kinds = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) > 20
    for kind in [*kinds, NotImplementedError, OverflowError, KeyError, SystemError]:
        error = kind.__new__(kind)  # some take other arguments
        error.args = ("reason",)

        def fail(*_, error=error, **__):
            raise error

        monkeypatch.setattr(imagecodecs, "lzw_decode", fail)
        refused(tiff(255 - GREY, {259: (3, [5])}), f"{kind.__name__}")


@pytest.mark.parametrize("code", [4, 5, 7, 8, 32773, 34712, 34925, 50000, 50001])
def test_few_bytes_that_announce_a_huge_picture_are_refused_before_they_are_decoded(code):
    import tracemalloc

    tags = {256: (3, [16000]), 257: (3, [16000]), 278: (3, [16000]), 259: (3, [code])}
    if code == 4:
        tags[258] = (3, [1])
    data = tiff(255 - GREY, tags)
    tracemalloc.start()
    refused(data, "can hold|too few|no zlib|cannot be decoded")
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_jpeg_2000_of_other_sides_is_refused():
    block = imagecodecs.jpeg2k_encode(GREY, level=0, codecformat="j2k")
    good = tiff(GREY, {259: (3, [34712])}, blocks=[block])
    np.testing.assert_array_equal(decoded(good).array[0], GREY)
    for other in (GREY[:, :9], GREY[:6]):
        refused(tiff(other, {259: (3, [34712])}, blocks=[block]), r"\(7, 10, 1, 8\), its header")


def test_lzw_of_the_old_kind_is_refused():
    refused(tiff(GREY, {259: (3, [5])}, blocks=[b"\0\1" + bytes(30)]), "LZW of an old kind")


def test_a_broken_exif_directory_does_no_harm():
    for tag in ((4, [99999]), (2, b"abcde"), (4, [3])):
        np.testing.assert_array_equal(decoded(tiff(GREY, {34665: tag})).array[0], GREY)


def test_a_text_given_twice_is_read_and_a_width_given_twice_is_not():
    data = written(GREY, description="a text", metadata={})
    assert data.count(struct.pack("<HH", 270, 2)) == 2
    np.testing.assert_array_equal(decoded(data).array[0], GREY)
    twice = bytearray(tiff(GREY, {257: (3, [7]), 259: (3, [1])}))
    at = twice.index(struct.pack("<HHIH", 257, 3, 1, 7))
    twice[at : at + 2] = struct.pack("<H", 256)
    refused(bytes(twice), "ImageWidth twice")
