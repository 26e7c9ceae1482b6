"""What a NRRD file must not say: each contradiction and each thing that is not read."""

import pytest

from tests.data.decoders.nrrd_files import nrrd, refused


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.nrrd"


REFUSED = {
    "version 7": ({}, {"magic": "NRRD0007"}, "version 1 to 6"),
    "old version": ({}, {"magic": "NRRD00.01"}, "version 1 to 6"),
    "one dimension": ({"dimension": "1", "sizes": "210"}, {"space": {}}, "has 1 dimensions"),
    "two dimensions in a space": ({"dimension": "2", "sizes": "42 5"}, {}, "in a space of 3"),
    "a space of two dimensions": ({"space dimension": "2"}, {"without": ["space"]}, "space of 2"),
    "more sizes": ({"sizes": "6 7 5 1"}, {}, "expected 3 sides"),
    "fewer sizes": ({"sizes": "42 5"}, {}, "expected 3 sides"),
    "negative size": ({"sizes": "-6 7 -5"}, {}, "expected 3 sides"),
    "size with fraction": ({"sizes": "6.9 7 5"}, {}, "expected 3 sides"),
    "no type": ({}, {"without": ["type"]}, "gives no type"),
    "no encoding": ({}, {"without": ["encoding"]}, "gives no encoding"),
    "no dimension": ({}, {"without": ["dimension"]}, "gives no dimension"),
    "no endian": ({}, {"without": ["endian"]}, "gives no endian"),
    "endian unknown": ({"endian": "middle"}, {}, "its endian is 'middle'"),
    "block": ({"type": "block", "block size": "2"}, {}, "its type is 'block'"),
    "another file": ({"data file": "x.raw"}, {}, "another file"),
    "another file, as one word": ({"datafile": "x.raw"}, {}, "another file"),
    "encoding unknown": ({"encoding": "zrl"}, {}, "its encoding is 'zrl'"),
    "unknown field": ({"space direction": "x"}, {}, "no field that NRRD knows"),
    "field without a blank": ({}, {"lines": ["content:x"]}, "no field that NRRD knows"),
    "field as a pair": ({}, {"lines": ["space units:=um"]}, "no field that NRRD knows"),
    "field twice": ({}, {"lines": ["type: short"]}, "gives type twice"),
    "field twice in other letters": ({}, {"lines": ["TYPE: ushort"]}, "gives type twice"),
    "synonyms": ({"centers": "cell cell cell", "centerings": "cell cell cell"}, {}, "twice"),
    "quantised": ({"old min": "0", "old max": "1000"}, {}, "were quantised"),
    "quantised, as one word": ({"oldmax": "1000"}, {}, "were quantised"),
    "number": ({"number": "211"}, {}, "its number 211"),
    "unit unknown": ({"space units": '"mm" "mm" "voxel"'}, {}, "is 'voxel'.*unit of length"),
    "megametres": ({"space units": '"Mm" "Mm" "Mm"'}, {}, "is 'Mm'.*unit of length"),
    "unit of some axes": ({"space units": '"um" "um" ""'}, {}, "for some axes only"),
    "too few units": ({"space units": '"um" "um"'}, {}, "space units are"),
    "units in a space": ({"units": '"um" "um" "um"'}, {}, "gives units in a space"),
    "spacings in a space": ({"spacings": "1 2 3"}, {}, "gives spacings in a space"),
    "mins in a space": ({"axis mins": "1 2 3"}, {}, "gives axis mins in a space"),
    "no directions": ({}, {"without": ["space directions"]}, "no space directions"),
    "no space": ({}, {"without": ["space"]}, "without a space"),
    "space and its dimension": ({"space dimension": "3"}, {}, "both space and space dimension"),
    "space unknown": ({"space": "RPI"}, {}, "its space is 'rpi'"),
    "space with time": ({"space": "RAST"}, {}, "its space is 'rast'"),
    "direction of NaN": ({"space directions": "(nan,0,0) (0,1,0) (0,0,1)"}, {}, "a number"),
    "direction infinite": ({"space directions": "(inf,0,0) (0,1,0) (0,0,1)"}, {}, "a number"),
    "direction overflowing": ({"space directions": "(1e999,0,0) (0,1,0) (0,0,1)"}, {}, "a number"),
    "direction without commas": ({"space directions": "(1 0 0) (0,1,0) (0,0,1)"}, {}, "1 numbers"),
    "direction of two": ({"space directions": "(1,0) (0,1) (0,0)"}, {}, "has 2 numbers"),
    "two directions": ({"space directions": "(1,0,0) (0,1,0)"}, {}, "expected 3"),
    "a direction missing": ({"space directions": "(1,0,0) (0,1,0) none"}, {}, "no direction"),
    "direction zero": ({"space directions": "(0,0,0) (0,1,0) (0,0,1)"}, {}, "not usable"),
    "directions singular": ({"space directions": "(1,0,0) (1,0,0) (0,0,1)"}, {}, "not usable"),
    "origin of NaN": ({"space origin": "(nan,0,0)"}, {}, "expected a number"),
    "origin of words": ({"space origin": "(a,b,c)"}, {}, "expected a number"),
    "kind unknown": ({"kinds": "domain domain depth"}, {}, "'depth' among its kinds"),
    "kind of value": ({"kinds": "vector domain domain"}, {}, "holds 6 values per voxel"),
    "too few kinds": ({"kinds": "domain domain"}, {}, "its kinds are"),
    "centering unknown": ({"centerings": "cell cell edge"}, {}, "its centerings are"),
    "byte skip too far": ({"byte skip": "4"}, {}, "416 bytes of voxels"),
    "byte skip negative": ({"byte skip": "-2"}, {}, "byte skip -2"),
    "line skip too far": ({"line skip": "500"}, {}, "line skip 500 goes beyond"),
    "no-break space": ({"sizes": "6\u00a07 5"}, {}, "expected 3 sides"),
    "underscore in a number": ({"space origin": "(1_0,0,0)"}, {}, "expected a number"),
    "comma in a number": ({"space origin": "(1,5,0,0)"}, {}, "has 4 numbers"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_is_refused(path, case):
    fields, how, words = case
    refused(nrrd(path, fields, **how), words)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"spacings": "0 2 3"}, "not positive"),
        ({"spacings": "-1 2 3"}, "not positive"),
        ({"spacings": "nan 2 3"}, "expected 3 numbers"),
        ({"spacings": "1,5 2 3"}, "expected 3 numbers"),
        ({"spacings": "1 2"}, "are 2, expected 3"),
        ({"axis mins": "1 2 3", "axis maxs": "7 9 8"}, "need spacings"),
        ({"axis maxs": "7 9 8", "spacings": "1 1 1"}, "need spacings and each other"),
        ({"spacings": "1 2 3", "measurement frame": "(1,0,0)"}, "without a space"),
        ({"spacings": "1 2 3", "units": '"um" "parsec" "um"'}, "'parsec'"),
    ],
    ids=[
        "zero",
        "negative",
        "NaN",
        "comma",
        "two",
        "mins and maxs",
        "maxs alone",
        "frame",
        "unknown unit",
    ],
)
def test_spacings_that_are_refused(path, fields, words):
    refused(nrrd(path, fields, space={}), words)
