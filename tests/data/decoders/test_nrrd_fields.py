"""Fields of NRRD headers: every one has its fate, whatever the spelling."""

import numpy as np
import pytest

from segscope.data import read_image
from segscope.data.decoders.nrrd import FIELDS, decode_nrrd
from segscope.errors import InputError
from tests.data.decoders.nrrd_files import BODY, SPACE, VOLUME, WHOLE, nrrd, refused

PLAIN = np.array([[-1, 0, 0, -10], [0, -2, 0, -20], [0, 0, 3, 30], [0, 0, 0, 1.0]])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.nrrd"


# fmt: off
SPECIFICATION = """
dimension|type|block size|blocksize|encoding|endian|content|old min|oldmin|old max|oldmax
data file|datafile|line skip|lineskip|byte skip|byteskip|number|min|max|sample units|sampleunits
sizes|spacings|thicknesses|axis mins|axismins|axis maxs|axismaxs|centers|centerings|labels|units
kinds|space|space dimension|spacedimension|space units|spaceunits|space origin|spaceorigin
space directions|spacedirections|measurement frame|measurementframe
"""


def test_every_field_of_the_specification_has_its_fate():
    names = SPECIFICATION.strip().replace("\n", "|").split("|")
    assert set(names) | {"#", ":="} == set(FIELDS)
    assert all(field.why for field in FIELDS.values())


def test_headers_that_look_otherwise_and_say_the_same(path):
    fields = {"content": "a: b := c", "labels": '"x" "y" "\\"z\\""', "sample units": "HU",
              "thicknesses": "1 nan 2", "min": "x", "max": "y", "number": "210",
              "oldmin": "nan", "measurement frame": "(1,0,0) (0,1,0) (0,0,1)"}  # fmt: skip
    lines = ["# comment: x", "#", "key:=value", "a b:=c: d", "Größe:=µ", "key:=again"]
    for magic in ("NRRD0001", "NRRD0005", "NRRD0006"):
        found = read_image(nrrd(path, fields, magic=magic, lines=lines))
        np.testing.assert_array_equal(found.array[0], VOLUME)
        np.testing.assert_array_equal(found.grid.affine, PLAIN)
        assert found.notes == ()
    head, _, body = path.read_bytes().partition(b"\n\n")
    path.write_bytes(head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body)
    np.testing.assert_array_equal(read_image(path).array[0], VOLUME)
    upper = {name.upper(): value for name, value in {**WHOLE, **SPACE}.items()}
    path.write_bytes(
        "\n".join(["NRRD0004", *(f"{k}: {v}" for k, v in upper.items()), "", ""]).encode() + BODY
    )
    np.testing.assert_array_equal(read_image(path).grid.affine, PLAIN)
    nrrd(path, {"space directions": "( 1 , 0 , 0 )  (0, 2, 0) (0,0,3)  "})
    np.testing.assert_array_equal(read_image(path).grid.affine, PLAIN)


def test_no_header_and_half_a_header(path):
    whole = nrrd(path).read_bytes()
    head = whole.index(b"\n\n")
    for end in (0, 3, 8, 9, 20, head, head + 1):
        path.write_bytes(whole[:end])
        with pytest.raises(InputError, match=r"is empty|is not NRRD|does not end|no blank line"):
            decode_nrrd(path)
    path.write_bytes(b"NRRD0004\n" + bytes(500) + b"\n\n")
    refused(path, "no text")
    path.write_bytes(b"NRRD0004\n" + b"x" * 200_000)
    refused(path, "does not end")
