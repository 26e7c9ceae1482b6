"""Prepared arrays on disk."""

import hashlib
import logging
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from segscope.data import Cache, cache_key
from segscope.errors import InputError, WorkError


class Maker:
    def __init__(self):
        self.times = 0

    def __call__(self):
        self.times += 1
        return {"a": np.arange(1000), "b": np.ones((2, 3), np.float32)}


def test_an_entry_is_made_once(tmp_path):
    make = Maker()
    assert Cache(tmp_path / "new").get("k", make)["a"][5] == 5
    again = Cache(tmp_path / "new").get("k", make)
    assert again["a"][6] == 6
    assert again["b"].shape == (2, 3)
    assert make.times == 1


def test_what_is_read_is_a_map_of_the_file_and_cannot_be_changed(tmp_path):
    found = Cache(tmp_path).get("k", Maker())["a"]
    assert isinstance(found, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 1


def reseal(raw, content):
    """An entry of other content with a hash that fits."""
    begin = raw[: raw.index(b"\n") + 1]
    return begin + hashlib.sha256(content).digest() + content


@pytest.mark.parametrize("what", ["flip", "cut", "empty", "other", "begin", "header", "length"])
def test_a_damaged_entry_is_made_again_and_said(tmp_path, caplog, what):
    make = Maker()
    Cache(tmp_path).get("k", make)
    (file,) = tmp_path.iterdir()
    raw = file.read_bytes()
    file.write_bytes(
        {
            "flip": raw[:-1] + bytes([raw[-1] ^ 1]),
            "cut": raw[: len(raw) // 2],
            "empty": b"",
            "other": b"{}",
            "begin": b"S" + raw[1:],
            "header": reseal(raw, (3).to_bytes(8, "little") + b"[1]"),
            "length": reseal(raw, (60).to_bytes(8, "little") + b'{"a": {"dtype": "<i8"}}'),
        }[what]
    )
    with caplog.at_level(logging.WARNING):
        assert Cache(tmp_path).get("k", make)["a"][-1] == 999
    assert make.times == 2
    assert "damaged" in caplog.text
    caplog.clear()
    assert Cache(tmp_path).get("k", make)["a"][-1] == 999
    assert make.times == 2
    assert caplog.text == ""


def test_an_entry_that_goes_away_while_it_is_in_use_is_said(tmp_path):
    cache = Cache(tmp_path)
    cache.get("k", Maker())
    (tmp_path / "k.arrays").unlink()
    with pytest.raises(WorkError, match="entry k went away while it was in use"):
        cache.get("k", Maker())


def test_an_entry_is_one_file_that_nothing_waits_for(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: pytest.fail("synced"))
    Cache(tmp_path).get("k", Maker())
    assert [file.name for file in tmp_path.iterdir()] == ["k.arrays"]


def test_arrays_begin_where_processors_like_them_to(tmp_path):
    found = Cache(tmp_path).get("k", lambda: {"a": np.ones(3, np.uint8), "b": np.ones(5)})
    assert [array.ctypes.data % 64 for array in found.values()] == [0, 0]


def test_what_older_versions_left_is_not_looked_at(tmp_path, caplog):
    make = Maker()
    (tmp_path / "k.json").write_text('{"a": {"file": "a.npy", "sha256": "0"}}')
    assert Cache(tmp_path).get("k", make)["a"][5] == 5
    assert (make.times, caplog.text) == (1, "")


def test_those_who_read_keep_their_arrays_while_an_entry_is_mended(tmp_path):
    held = Cache(tmp_path).get("k", Maker())["a"]
    (tmp_path / "k.arrays").unlink()
    Cache(tmp_path).get("k", Maker())
    assert held.sum() == 999 * 500


@given(
    arrays.arrays(
        st.sampled_from([np.uint8, np.int32, np.float32, np.bool_]),
        arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    )
)
def test_arrays_come_back_as_they_were(tmp_path_factory, array):
    cache = Cache(tmp_path_factory.mktemp("cache"))
    cache.get("k", lambda: {"x": np.asarray(array, order="F")})
    found = Cache(cache.folder).get("k", dict)["x"]
    np.testing.assert_array_equal(found, array)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)


def test_processes_that_make_one_entry_together_leave_it_whole(tmp_path, caplog):
    script = (
        "import sys, numpy as np; from pathlib import Path; from segscope.data import Cache\n"
        "cache = Cache(Path(sys.argv[1]))\n"
        "for k in range(40):\n"
        "    x = cache.get(f'k{k}', lambda: {'a': np.full(5000, k), 'b': np.arange(k)})\n"
        "    assert (x['a'] == k).all() and len(x['b']) == k\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    for process in running:
        assert process.communicate(timeout=600)[1] == b""
        assert process.returncode == 0
    with caplog.at_level(logging.WARNING):
        cache = Cache(tmp_path)
        for k in range(40):
            assert cache.get(f"k{k}", dict)["a"][0] == k
    assert caplog.text == ""
    assert not [f for f in tmp_path.iterdir() if f.name.startswith(".")]


def test_a_failure_while_making_leaves_nothing(tmp_path):
    def fail():
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        Cache(tmp_path).get("k", fail)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="a part of its path is a file"):
        Cache(tmp_path / "file" / "cache").get("k", Maker())


def test_a_key_depends_on_content_not_on_names(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"1")
    assert cache_key("x", tmp_path / "a") == cache_key("x", tmp_path / "b")
    (tmp_path / "b").write_bytes(b"2")
    assert cache_key("x", tmp_path / "a") != cache_key("x", tmp_path / "b")
    assert cache_key("x", "y") != cache_key("y", "x")


def test_a_key_of_a_folder_depends_on_every_file(tmp_path):
    series = tmp_path / "series"
    series.mkdir()
    (series / "1").write_bytes(b"1")
    before = cache_key(series)
    (series / "2").write_bytes(b"2")
    assert cache_key(series) != before
