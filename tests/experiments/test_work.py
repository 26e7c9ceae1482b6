"""Folders of work: named by what decides it, one worker at a time, whole or not there."""

import hashlib
import threading

import pytest

from segscope.errors import WorkError
from segscope.experiments import alone, content_of_files, key_of, made_once


def test_a_key_is_of_the_facts_sorted_and_without_nan():
    text = b'{"a": null, "b": [1, 2]}'
    assert key_of({"b": (1, 2), "a": float("nan")}) == hashlib.sha256(text).hexdigest()[:10]


def test_files_that_settings_name_count_by_content(tmp_path):
    file = tmp_path / "a.bin"
    file.write_bytes(b"one")
    named = {"x": {"weights": [str(file), "no.file"]}, "y": 3}
    assert content_of_files(named) == [hashlib.sha256(b"one").hexdigest()]


def test_one_worker_at_a_time(tmp_path):
    with alone(tmp_path) as first, alone(tmp_path) as second:
        assert (first, second) == (True, False)
    with alone(tmp_path) as again:
        assert again
    with pytest.raises(WorkError, match="cannot be written"), alone(tmp_path / "missing"):
        pass


def test_who_waits_goes_on_when_the_other_has_ended(tmp_path):
    came = []

    def waiting():
        with alone(tmp_path, wait=True) as free:
            came.append(free)

    other = threading.Thread(target=waiting)
    with alone(tmp_path):
        other.start()
        other.join(0.1)
        assert came == []
    other.join()
    assert came == [True]


def test_what_was_left_half_made_is_made_anew_and_what_is_whole_is_kept(tmp_path):
    place = tmp_path / "deep" / "maps"

    def fail(new):
        new.mkdir()
        (new / "half").touch()
        raise KeyError("killed")

    with pytest.raises(KeyError, match="killed"):
        made_once(place, fail)
    assert not place.exists()

    def make(new):
        new.mkdir()
        (new / "whole").touch()

    assert [f.name for f in made_once(place, make).iterdir()] == ["whole"]
    assert [f.name for f in made_once(place, fail).iterdir()] == ["whole"]
    assert [f.name for f in place.parent.iterdir()] == ["maps"]
