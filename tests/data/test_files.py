"""Files are read whole and verified, and written whole or not at all."""

import gzip
import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest

from segscope.data.files import (
    Limits,
    atomic_path,
    copy_file,
    json_ready,
    read_start,
    read_verified,
    sha256_of,
    write_json,
    write_text,
)
from segscope.errors import InputError, WorkError


def test_gzip_of_several_members_is_one_file(tmp_path):
    file = tmp_path / "a.gz"
    file.write_bytes(gzip.compress(b"one ") + gzip.compress(b"two") + b"\0\0")
    assert read_verified(file) == b"one two"
    assert read_start(file, 5) == b"one t"


def test_a_plain_file_is_its_bytes(tmp_path):
    file = tmp_path / "a.bin"
    file.write_bytes(b"\x1f\x8b no gzip by name")
    assert read_verified(file) == file.read_bytes()
    assert read_start(file, 2) == b"\x1f\x8b"


def test_more_than_was_announced_or_is_allowed_is_not_read(tmp_path):
    file = tmp_path / "a.gz"
    file.write_bytes(gzip.compress(b"0123456789"))
    assert read_verified(file, most=10) == b"0123456789"
    with pytest.raises(InputError, match="more than 9 bytes"):
        read_verified(file, most=9)
    with pytest.raises(InputError):
        read_verified(file, limits=Limits(max_bytes=5))


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "is empty"), (b"plain", "not gzip"), (gzip.compress(b"abc" * 50)[:-3], "cut short"),
     (gzip.compress(b"abc") + b"more", "4 bytes follow"), (b"<HTML>", "a web page")],
    ids=["empty", "plain", "cut", "followed", "page"],
)  # fmt: skip
def test_what_is_not_whole_is_refused_with_its_name(tmp_path, data, words):
    file = tmp_path / "a.gz"
    file.write_bytes(data)
    with pytest.raises(InputError, match=words) as caught:
        read_verified(file)
    assert str(caught.value).startswith(f"{file}: ")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside(tmp_path):
    file = tmp_path / "a.nii.gz"
    file.write_bytes(b"old")

    def fails():
        with atomic_path(file) as temporary:
            assert temporary.name.endswith(".nii.gz")
            temporary.write_bytes(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert [f.name for f in tmp_path.iterdir()] == ["a.nii.gz"]
    assert file.read_bytes() == b"old"
    write_text(file, "ä")
    assert file.read_bytes() == "ä".encode()
    with pytest.raises(WorkError, match="could not be written"):
        write_text(tmp_path / "none" / "a", "x")


def test_a_copy_has_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(bytes(range(256)))
    copy_file(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == bytes(range(256))


def test_json_holds_no_nan_and_what_python_and_numpy_have(tmp_path):
    write_json(tmp_path / "a.json", {"a": [np.int16(1), 2], "b": math.inf, 3: (Path("x"),)})
    found = json.loads((tmp_path / "a.json").read_text(), parse_constant=pytest.fail)
    assert found["a"] == [1, 2]
    assert found["b"] is None
    assert found["3"] == ["x"]
    assert json_ready(np.float32(0.5)) == 0.5


def test_hashes_are_hashlibs(tmp_path):
    (tmp_path / "a").write_bytes(b"abc" * 10_000)
    expected = hashlib.sha256(b"abc" * 10_000).hexdigest()
    assert sha256_of(tmp_path / "a") == sha256_of(b"abc" * 10_000) == expected
