"""Headers of NIfTI: kinds, extensions, and where the voxels begin."""

import math
import struct

import nibabel as nib
import numpy as np
import pytest

from segscope.data import read_image
from segscope.data.decoders.nifti_header import parse_header, voxel_offset
from tests.data.decoders.nifti_made import (
    AFFINE,
    EXTENSION,
    MAGIC,
    OFFSET,
    made,
    refused,
)


@pytest.mark.parametrize(
    ("magic", "words"),
    [
        (b"ni1\0", "pair"),
        (b"\0\0\0\0", "Analyze 7.5"),
        (b"n+2\0", "magic"),
        (b"n+1x", "magic"),
        (b"n+3\0", "magic"),
    ],
    ids=["pair", "none", "the other version's", "another end", "a third version"],
)
def test_other_kinds_of_file_are_refused(tmp_path, magic, words):
    refused(made(tmp_path / "a.nii", (MAGIC, "4s", magic)), words)


def test_a_transfer_as_text_is_seen_in_the_second_version(tmp_path):
    made(tmp_path / "a.nii", (8, "4s", b"\n\n\x1a\n"), kind=nib.Nifti2Image)
    refused(tmp_path / "a.nii", "transfer as text")
    made(tmp_path / "b.nii", (8, "4s", bytes(4)), kind=nib.Nifti2Image)
    assert read_image(tmp_path / "b.nii").notes == ()


def extension(size, length=None):
    return struct.pack("<2i", size, 6).ljust(size if length is None else length, b"x")


@pytest.mark.parametrize(
    ("extra", "flag", "words"),
    [
        (extension(16) + extension(32), 1, None),
        (extension(16) + bytes(16), 1, None),
        (bytes(32), 0, None),
        (bytes(31) + b"x", 0, "32 bytes between header and voxels"),
        (extension(24) + bytes(8), 1, "no multiple of 16"),
    ],
    ids=["two", "padded", "only padding", "bytes without meaning", "uneven size"],
)
def test_all_between_header_and_voxels_is_accounted_for(tmp_path, extra, flag, words):
    begin = 352.0 + len(extra)
    path = made(tmp_path / "a.nii", (EXTENSION, "B", flag), (OFFSET, "<f", begin), extra=extra)
    found = read_image(path)
    np.testing.assert_array_equal(found.array[0].ravel(), np.arange(60))
    assert (found.notes == ()) if words is None else words in found.notes[0]


@pytest.mark.parametrize("size", [0, 4, -16, 48, 2**31 - 1])
def test_an_extension_that_does_not_end_before_the_voxels_is_refused(tmp_path, size):
    change = (OFFSET, "<f", 384.0)
    extra = extension(size, 32)
    refused(made(tmp_path / "a.nii", (EXTENSION, "B", 1), change, extra=extra), "extension")


def test_the_extensions_of_a_large_endian_file_are_walked_in_its_order():
    raw = bytearray(made_big_endian())
    raw[348] = 1
    values, order = parse_header("a.nii", bytes(raw))
    assert voxel_offset("a.nii", {**values, "vox_offset": 368.0}, raw[:352] + struct.pack(
        ">2i", 16, 6) + bytes(8) + raw[352:], order) == (368, ())  # fmt: skip


def made_big_endian():
    header = nib.Nifti1Header(endianness=">")
    return nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), AFFINE, header).to_bytes()


@pytest.mark.parametrize("offset", [0, 348, 351, 352.5, -352, math.inf, math.nan])
def test_voxels_begin_behind_the_header(tmp_path, offset):
    refused(made(tmp_path / "a.nii", (OFFSET, "<f", offset)), "inside its header")


@pytest.mark.parametrize(
    ("kind", "place", "begin"),
    [(nib.Nifti1Image, (OFFSET, "<f"), 352), (nib.Nifti2Image, (168, "<q"), 544)],
    ids=["first", "second"],
)
def test_an_offset_that_was_not_written_is_told_with_the_right_one(tmp_path, kind, place, begin):
    path = made(tmp_path / "a.nii", (*place, 0), kind=kind)
    # nibabel takes the header's own bytes for voxels
    assert not np.array_equal(np.asanyarray(nib.load(path).dataobj).ravel(), np.arange(60))
    refused(path, f"write {begin} there")
