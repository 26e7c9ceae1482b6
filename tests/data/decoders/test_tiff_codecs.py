"""Codecs of TIFF."""

import io

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from segscope.data.decoders import isolated_child, tiff_codecs
from tests.data.decoders.tiff_files import GREY, decoded, refused, written
from tests.deadly import deadly
from tests.plane_files import tiff

SMOOTH = np.kron(np.arange(12, dtype=np.uint8).reshape(3, 4) * 20, np.ones((16, 16), np.uint8))


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
        request = {"module": isolated_child.__name__, "name": "imagecodecs_blocks", "alarm": 0,
                   "args": ["lzw_decode", [b""], [1]]}  # fmt: skip
        assert isolated_child._answer(request) == {"error": kind.__name__, "said": str(error)}
    refused(tiff(255 - GREY, {259: (3, [5])}), "ImcdError")


@pytest.mark.parametrize(
    "compression", ["lzw", "packbits", "zstd", "jpeg", "jpeg2000", "webp", "ccittfax4"]
)
def test_a_codec_that_dies_is_an_error_of_its_file(tmp_path, monkeypatch, compression):
    array = SMOOTH > 100 if compression == "ccittfax4" else np.stack([SMOOTH] * 3, -1)
    if compression == "ccittfax4":
        stream = io.BytesIO()
        PillowImage.fromarray(array).save(stream, "tiff", compression="group4")
        data = stream.getvalue()
    else:
        data = written(array, compression=compression, photometric="rgb")
    whole = decoded(data).array
    with deadly(tmp_path, monkeypatch, "imagecodecs", "PIL.JpegImagePlugin"):
        refused(data, r"cannot be decoded \(its decoder was ended by SIGSEGV\)")
    np.testing.assert_array_equal(decoded(data).array, whole)


def test_a_dictionary_larger_than_what_may_be_taken_is_an_error_of_its_file(monkeypatch):
    data = written(GREY, compression="lzma")
    np.testing.assert_array_equal(decoded(data).array[0], GREY)
    monkeypatch.setattr(tiff_codecs, "_LZMA_MEMORY", 1 << 16)
    refused(data, "Memory usage limit")


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
