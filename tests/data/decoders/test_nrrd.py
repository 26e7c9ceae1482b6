"""NRRD: every field of the format, every encoding, and what must be refused."""

import bz2
import gzip
import zlib

import numpy as np
import pytest
import SimpleITK

from segscope.data import read_image, read_label, write_label
from segscope.data.decoders.nrrd import FIELDS, decode_nrrd, write_nrrd
from segscope.errors import InputError
from segscope.images import Grid, LabelMap
from tests.data.decoders.nrrd_files import BODY, SPACE, VOLUME, WHOLE, nrrd, refused

PLAIN = np.array([[-1, 0, 0, -10], [0, -2, 0, -20], [0, 0, 3, 30], [0, 0, 0, 1.0]])
UNVERIFIED = "its header names no space; axes taken as left-posterior-superior, unverified"


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
# fmt: on


def test_every_field_of_the_specification_has_its_fate():
    names = SPECIFICATION.strip().replace("\n", "|").split("|")
    assert set(names) | {"#", ":="} == set(FIELDS)
    assert all(field.why for field in FIELDS.values())


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
# fmt: on


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


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("right-anterior-superior", (1, 1, 1)),
        ("RAS", (1, 1, 1)),
        ("left anterior superior", (-1, 1, 1)),
        ("las", (-1, 1, 1)),
        ("LeftPosteriorSuperior", (-1, -1, 1)),
        ("LPS", (-1, -1, 1)),
    ],
    ids=[
        "RAS in words",
        "RAS",
        "LAS with blanks",
        "LAS in small letters",
        "LPS as one word",
        "LPS",
    ],
)
def test_anatomical_spaces(path, space, signs):
    found = read_image(nrrd(path, {"space": space}))
    np.testing.assert_array_equal(
        found.grid.affine[:3], PLAIN[:3] * [[-1], [-1], [1]] * np.array([signs]).T
    )
    assert found.notes == ()


@pytest.mark.parametrize("space", ["scanner-xyz", "3D-right-handed", "3D left handed"])
def test_spaces_without_anatomy_are_read_as_simpleitk_does_and_said(path, space):
    found = read_image(nrrd(path, {"space": space}))
    np.testing.assert_array_equal(found.grid.affine, PLAIN)
    assert SimpleITK.ReadImage(str(path)).GetOrigin() == (10, 20, 30)
    assert "names no anatomy; taken as left-posterior-superior" in found.notes[0]
    header = ["NRRD0004", *(f"{k}: {v}" for k, v in WHOLE.items()), "space dimension: 3",
              *(f"{k}: {v}" for k, v in SPACE.items() if k != "space"), "", ""]  # fmt: skip
    path.write_bytes("\n".join(header).encode() + BODY)
    assert "names no anatomy" in read_image(path).notes[0]


@pytest.mark.parametrize(
    ("units", "scale"),
    [
        ('"um" "um" "um"', (1e-3, 1e-3, 1e-3)),
        ('"µm" "micron" "microns"', (1e-3, 1e-3, 1e-3)),
        ('"cm" "cm" "cm"', (10, 10, 10)),
        ('"m" "m" "m"', (1000, 1000, 1000)),
        ('"inch" "in" "in"', (25.4, 25.4, 25.4)),
        ('"CM" "Micron" "m"', (10, 1e-3, 1000)),
        ('"nm" "dm" "mm"', (1e-6, 100, 1)),
    ],
    ids=["um", "micron", "cm", "m", "inch", "one for each", "nm and dm"],
)
def test_space_units_are_converted_and_said(path, units, scale):
    found = read_image(nrrd(path, {"space units": units}))
    np.testing.assert_allclose(found.grid.affine[:3], PLAIN[:3] * np.array([scale]).T)
    assert "to mm" in found.notes[0]


def test_units_of_axes_are_converted_and_said(path):
    fields = {"spacings": "380 380 2", "axis mins": "1000 0 0", "units": '"um" "um" "mm"',
              "centerings": "node node cell"}  # fmt: skip
    found = read_image(nrrd(path, fields, space={}))
    assert found.grid.spacing_mm == pytest.approx((0.38, 0.38, 2))
    np.testing.assert_allclose(found.grid.affine[:3, 3], [-1, 0, 1])
    assert found.notes == (UNVERIFIED, "lengths converted from mm and um to mm")


def test_units_in_latin_1(path):
    nrrd(path, {"space units": '"um" "um" "um"'})
    path.write_bytes(path.read_bytes().replace(b"um", b"\xb5m"))
    assert read_image(path).grid.spacing_mm == pytest.approx((0.001, 0.002, 0.003))


@pytest.mark.parametrize("units", ['"mm" "mm" "mm"', '"" "" ""', '"MM" "mm" "millimeters"'])
def test_millimetres_need_no_note(path, units):
    found = read_image(nrrd(path, {"space units": units}))
    np.testing.assert_array_equal(found.grid.affine, PLAIN)
    assert found.notes == ()


def test_spacings_and_mins_lie_where_simpleitk_puts_them(path):
    fields = {"spacings": "0.5 2 1.5", "axis mins": "1 2 3", "axis maxs": "3.5 16 10.5",
              "centerings": "node cell ???"}  # fmt: skip
    found = read_image(nrrd(path, fields, space={}))
    # a node lies on its minimum, the middle of a cell half a spacing behind it
    assert found.grid.affine[:3].tolist() == [[-0.5, 0, 0, -1], [0, -2, 0, -3], [0, 0, 1.5, 3.75]]
    theirs = SimpleITK.ReadImage(str(path))
    assert (theirs.GetSpacing(), theirs.GetOrigin()) == ((0.5, 2, 1.5), (1, 3, 3.75))
    assert "no centerings; voxels taken as cells" in found.notes[1]
    refused(nrrd(path, {**fields, "axis maxs": "3.5 16 11"}, space={}), "axis maxs 11 does not")


def test_axes_of_one_sample_are_left_out_and_said(path):
    kinds = {
        "vector domain domain domain": ("1 6 7 5", "none (1,0,0) (0,2,0) (0,0,3)"),
        "domain domain domain list": ("6 7 5 1", "(1,0,0) (0,2,0) (0,0,3) none"),
        "space space scalar space": ("6 7 1 5", "(1,0,0) (0,2,0) none (0,0,3)"),
        "space ??? space time": ("6 7 5 1", "(1,0,0) (0,2,0) (0,0,3) none"),
        "??? ??? ??? ???": ("1 6 7 5", "none (1,0,0) (0,2,0) (0,0,3)"),
    }
    for kind, (sizes, directions) in kinds.items():
        fields = {"dimension": "4", "sizes": sizes, "kinds": kind, "space directions": directions}
        found = read_image(nrrd(path, fields))
        np.testing.assert_array_equal(found.array[0], VOLUME, err_msg=kind)
        np.testing.assert_array_equal(found.grid.affine, PLAIN)
        assert found.notes == ("squeezed from 4 dimensions to 3",)


def test_a_space_of_four_dimensions_as_itk_writes_it(path):
    SimpleITK.WriteImage(SimpleITK.JoinSeries([SimpleITK.GetImageFromArray(VOLUME)]), str(path))
    assert b"space dimension: 4" in path.read_bytes()
    found = read_image(path)
    np.testing.assert_array_equal(found.array[0], VOLUME.transpose())
    np.testing.assert_array_equal(found.grid.affine, np.diag([-1, -1, 1, 1]))
    assert found.notes[0] == "squeezed from 4 dimensions to 3"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"(1,0,0,0)", b"(1,0,0,1)"))
    refused(path, "axis 0 leads through the space of the others")
    path.write_bytes(whole.replace(b"(0,0,0,1)", b"(0,1,0,1)"))
    refused(path, "axis 3 leads through the space of the others")
    path.write_bytes(whole.replace(b"dimension: 4", b"dimension: 2"))
    refused(path, "NRRD|has 2 dimensions|expected")


@pytest.mark.parametrize(
    ("kind", "count"),
    [("list", 2), ("vector", 3), ("RGB-color", 3), ("3-color", 3), ("complex", 2), ("time", 2),
     ("3D-symmetric-matrix", 6), ("RGBA", 4), ("3-gradient", 3)],
    ids=["list", "vector", "RGB", "3-color", "complex", "time", "tensor", "RGBA", "gradient"],
)  # fmt: skip
@pytest.mark.parametrize("last", [True, False], ids=["last axis", "first axis"])
def test_several_values_per_voxel_are_refused(path, kind, count, last):
    parts = [(f"{count}", "none", kind)]
    space = list(zip("675", SPACE["space directions"].split(), ["domain"] * 3, strict=True))
    sizes, directions, kinds = zip(*(space + parts if last else parts + space), strict=True)
    fields = {"dimension": "4", "sizes": " ".join(sizes), "kinds": " ".join(kinds),
              "space directions": " ".join(directions)}  # fmt: skip
    refused(nrrd(path, fields, BODY * count), f"holds {count} values per voxel.*one channel")


@pytest.mark.parametrize("fields", [{}, {"spacings": "nan nan nan"}], ids=["missing", "NaN"])
def test_spacings_that_are_missing_are_said(path, fields):
    found = read_image(nrrd(path, fields, space={}))
    assert found.notes == ("its header gives no spacing; 1 mm is assumed",)
    assert found.grid.spacing_mm == (1, 1, 1)


def test_an_origin_that_is_missing_is_said(path):
    for how in ({"without": ["space origin"]}, {"fields": {"space origin": "none"}}):
        found = read_image(nrrd(path, **how))
        assert found.notes == ("its header gives no space origin; 0 is assumed",)
        np.testing.assert_array_equal(found.grid.affine[:3, 3], 0)


def test_one_long_and_two_short_directions_are_right_or_refused(path):
    nrrd(path, {"space directions": "(1,0,0) (0,1,0) (0,0,1e9)"})
    try:
        found = read_image(path)
    except InputError:
        return
    assert found.grid.spacing_mm == (1, 1, 1e9)


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


def test_two_dimensions_are_one_slice_where_the_library_has_it(path):
    image = SimpleITK.GetImageFromArray(VOLUME[..., 0].T)
    image.SetSpacing((0.5, 2.0))
    image.SetOrigin((10.0, 20.0))
    image.SetDirection((0.0, -1.0, 1.0, 0.0))
    SimpleITK.WriteImage(image, str(path))
    found = read_image(path)
    np.testing.assert_array_equal(found.array[0], VOLUME[..., :1])
    affine = [[0, 2, 0, -10], [-0.5, 0, 0, -20], [0, 0, 1, 0], [0, 0, 0, 1]]
    np.testing.assert_array_equal(found.grid.affine, affine)
    assert found.notes[-1] == "two dimensions read as one slice, taken as 1 mm thick"


def test_two_dimensions_without_a_space_have_their_spacings(path):
    fields = {"dimension": "2", "sizes": "42 5", "spacings": "400 300", "units": '"um" "um"'}
    found = read_image(nrrd(path, fields, space={}))
    np.testing.assert_array_equal(found.array[0, ..., 0], VOLUME.reshape((42, 5), order="F"))
    np.testing.assert_allclose(found.grid.spacing_mm, (0.4, 0.3, 1.0))
