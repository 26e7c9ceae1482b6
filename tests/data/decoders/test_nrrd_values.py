"""Samples of NRRD: types, encodings, and lengths."""

import gzip

import numpy as np
import pytest
import SimpleITK

from segscope.data import read_image
from tests.data.decoders.nrrd_files import BODY, VOLUME, nrrd, refused


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.nrrd"


@pytest.mark.parametrize("encoding", ["txt", "text", "ascii"])
def test_voxels_as_text(path, encoding):
    body = "\n".join(str(v) for v in VOLUME.ravel(order="F")).encode()
    found = read_image(nrrd(path, {"encoding": encoding}, body, without=["endian"]))
    np.testing.assert_array_equal(found.array[0], VOLUME)
    with_fraction = body.replace(b"\n7\n", b"\n7.5\n")
    refused(nrrd(path, {"encoding": encoding}, with_fraction), "'7.5' among its voxels is no int16")
    refused(nrrd(path, {"encoding": encoding}, body + b"\n1"), "211 numbers of voxels")
    refused(nrrd(path, {"encoding": encoding, "type": "uchar"}, body), "uint8 cannot hold")
    floats = body.replace(b"\n7\n", b"\n7.5e-1\n")
    found = read_image(nrrd(path, {"encoding": encoding, "type": "float"}, floats))
    assert found.array.dtype == np.float32
    np.testing.assert_array_equal(found.array[0], np.where(VOLUME == 7, 0.75, VOLUME))


# fmt: off
SPELLINGS = {
    "i1": "signed char|int8|int8_t", "u1": "uchar|unsigned char|uint8|uint8_t",
    "i2": "short|short int|signed short|signed short int|int16|int16_t",
    "u2": "ushort|unsigned short|unsigned short int|uint16|uint16_t",
    "i4": "int|signed int|int32|int32_t", "u4": "uint|unsigned int|uint32|uint32_t",
    "i8": "longlong|long long|long long int|signed long long|signed long long int|int64|int64_t",
    "u8": "ulonglong|unsigned long long|unsigned long long int|uint64|uint64_t",
    "f4": "float", "f8": "double",
}


@pytest.mark.parametrize("endian", ["little", "big"])
def test_every_number_type_in_all_its_spellings_as_simpleitk_reads_it(path, endian):
    for code, names in SPELLINGS.items():
        kind = np.dtype(code).newbyteorder("<" if endian == "little" else ">")
        values = np.arange(210).reshape(6, 7, 5).astype(kind)
        for name in names.split("|"):
            nrrd(path, {"type": name, "endian": endian}, values.tobytes(order="F"))
            found = read_image(path)
            assert found.array.dtype == np.dtype(code), name
            np.testing.assert_array_equal(found.array[0], values)
        theirs = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))).transpose()
        assert theirs.dtype == np.dtype(code)
        np.testing.assert_array_equal(theirs, values)


def test_char_has_no_sign_that_everybody_agrees_on(path):
    refused(nrrd(path, {"type": "char"}, BODY[:210]), "its type is 'char'")


def test_skipped_lines_and_bytes_are_said(path):
    before = b"one\ntwo\n\0\1\2"
    found = read_image(nrrd(path, {"line skip": "2", "byte skip": "3"}, before + BODY))
    np.testing.assert_array_equal(found.array[0], VOLUME)
    assert found.notes == ("2 lines and 3 bytes before its voxels skipped",)
    found = read_image(nrrd(path, {"byte skip": "-1"}, before + BODY))
    np.testing.assert_array_equal(found.array[0], VOLUME)
    assert found.notes == ("11 bytes before its voxels skipped, as byte skip -1 says",)
    theirs = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))).transpose()
    np.testing.assert_array_equal(theirs, VOLUME)
    packed = b"line\n" + gzip.compress(b"\0\1\2" + BODY)
    fields = {"line skip": "1", "byteskip": "3", "encoding": "gzip"}
    np.testing.assert_array_equal(read_image(nrrd(path, fields, packed)).array[0], VOLUME)
    refused(nrrd(path, {"byte skip": "-1", "encoding": "gzip"}, gzip.compress(BODY)), "needs the")
    refused(nrrd(path, {"byte skip": "-1"}, BODY[1:]), "419 bytes")
