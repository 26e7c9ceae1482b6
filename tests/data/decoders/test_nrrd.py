"""NRRD: every field of the format, every encoding, and what must be refused."""

import bz2
import gzip
import zlib

import numpy as np
import pytest
import SimpleITK

from segscope.data import read_image, read_label, write_label
from segscope.data.decoders.nrrd import decode_nrrd, write_nrrd
from segscope.errors import InputError
from segscope.images import Grid, LabelMap
from tests.data.decoders.nrrd_files import BODY, VOLUME, nrrd, refused

PLAIN = np.array([[-1, 0, 0, -10], [0, -2, 0, -20], [0, 0, 3, 30], [0, 0, 0, 1.0]])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.nrrd"


# fmt: on


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("raw", bytes),
        ("gzip", gzip.compress),
        ("gz", lambda b: gzip.compress(b[:100]) + gzip.compress(b[100:])),
        ("bzip2", bz2.compress),
        ("bz2", lambda b: bz2.compress(b[:101]) + bz2.compress(b[101:])),
        ("hex", lambda b: b.hex("\n", 20).upper().encode()),
        ("GZip", gzip.compress),
    ],
    ids=["raw", "gzip", "gzip in two members", "bzip2", "bzip2 in two streams", "hex", "capitals"],
)
def test_every_encoding_gives_the_voxels(path, encoding, pack):
    found = read_image(nrrd(path, {"encoding": encoding}, pack(BODY)))
    np.testing.assert_array_equal(found.array[0], VOLUME)
    assert found.array.dtype == np.int16
    np.testing.assert_array_equal(found.grid.affine, PLAIN)
    assert found.notes == ()


# fmt: on


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2", "hex", "ascii"])
def test_bytes_must_be_those_that_the_header_announces(path, encoding):
    text = " ".join(str(v) for v in VOLUME.ravel()).encode()
    body = {"raw": BODY, "gzip": gzip.compress(BODY, mtime=0), "bzip2": bz2.compress(BODY),
            "hex": BODY.hex().encode(), "ascii": text}[encoding]  # fmt: skip
    for changed in (body[:-6], body[:-1] if encoding != "ascii" else body[:-40], b"", body + b" 99",
                    body + body[:2], body + body):  # fmt: skip
        refused(
            nrrd(path, {"encoding": encoding}, changed),
            "cut short|follow|announces|no hexa|no int16",
        )


@pytest.mark.parametrize("encoding", ["gzip", "bzip2"])
def test_flipped_bits_of_packed_voxels_are_refused(path, encoding):
    pack = gzip.compress if encoding == "gzip" else bz2.compress
    body = pack(BODY)
    for place in range(10, len(body), 7):
        changed = bytearray(body)
        changed[place] ^= 4
        nrrd(path, {"encoding": encoding}, bytes(changed))
        try:
            found = read_image(path).array[0]
        except InputError:
            continue
        np.testing.assert_array_equal(found, VOLUME)  # a bit that means nothing


@pytest.mark.parametrize("encoding", ["gzip", "bzip2"])
def test_more_than_announced_is_never_unpacked(path, encoding):
    pack = gzip.compress if encoding == "gzip" else bz2.compress
    refused(nrrd(path, {"encoding": encoding}, pack(bytes(3_000_000))), "421 bytes|announces 420")
    huge = {"encoding": encoding, "sizes": "32767 32767 8"}
    refused(nrrd(path, huge, pack(BODY)), "announces 17178820624|not an image")
    refused(nrrd(path, {**huge, "sizes": "32767 32767 9"}, pack(BODY)), "at most 17179869184")


def test_zlib_is_not_gzip(path):
    refused(nrrd(path, {"encoding": "gzip"}, zlib.compress(BODY)), "damaged|cut short")


def test_a_label_of_one_layer_as_segmentation_tools_write_it(path):
    label = (VOLUME > 0).astype(np.uint8)
    lines = [
        "Segment0_ID:=Segment_1",
        "Segment0_LabelValue:=1",
        "Segmentation_MasterRepresentation:=x",
    ]
    nrrd(path, {"type": "unsigned char"}, label.tobytes(order="F"), lines=lines)
    np.testing.assert_array_equal(read_label(path).array, label)


@pytest.mark.parametrize("code", ["u1", "i2", ">i2", "u4", "i8", "f4", "f8"])
def test_what_is_written_is_read_by_simpleitk_bit_for_bit(path, code):
    array = (np.arange(60).reshape(3, 4, 5) * 3).astype(code)
    turn = np.array([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * [0.1, 1 / 3, 2.5], (-11.1, 7, 1e-7)
    write_nrrd(path, array, Grid(array.shape, affine))
    theirs = SimpleITK.ReadImage(str(path))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(theirs).transpose(), array)
    assert theirs.GetSpacing() == pytest.approx((0.1, 1 / 3, 2.5), rel=1e-15)
    assert theirs.GetOrigin() == (11.1, -7.0, 1e-7)
    expected = np.diag([-1, -1, 1]) @ turn
    assert theirs.GetDirection() == pytest.approx(tuple(expected.ravel()), abs=1e-15)
    again = decode_nrrd(path)
    assert again.array.dtype == np.dtype(code).newbyteorder("=")
    np.testing.assert_array_equal(again.affine, affine)


def test_what_nrrd_cannot_hold_is_refused(path):
    with pytest.raises(InputError, match="bool cannot be written"):
        write_nrrd(path, np.zeros((2, 2, 2), bool), Grid.from_spacing((2, 2, 2)))
    assert not path.exists()


def test_the_same_label_gives_the_same_bytes(tmp_path):
    label = LabelMap(np.eye(3, dtype=np.uint8)[None].repeat(3, 0), Grid.from_spacing((3, 3, 3)))
    for name in ("a.nrrd", "b.nrrd"):
        write_label(tmp_path / name, label)
    assert (tmp_path / "a.nrrd").read_bytes() == (tmp_path / "b.nrrd").read_bytes()
