"""Folders are told apart by the keys of one file."""

import json

import pytest

from segscope.inference.foreign.config_json import has_keys


@pytest.mark.parametrize(("text", "expected"), [
    (json.dumps({"a": 1, "b": 2}), True), (json.dumps({"a": 1}), False), ("{", False),
    ("[1]", False),
])  # fmt: skip
def test_all_keys_must_be_there(text, expected, tmp_path):
    (tmp_path / "config.json").write_text(text)
    assert has_keys(tmp_path, "a", "b") == expected
    (tmp_path / "model.json").touch()  # a run of segscope
    assert not has_keys(tmp_path, "a", "b")
