"""JSON that is read back: what Python's parser lets pass is refused, with the file's name."""

import json
import os

import pytest
from pydantic import BaseModel

from segscope.data.json_files import as_written, missing_keys, read_json, read_typed
from segscope.errors import InputError


class Inner(BaseModel):
    size: float
    kind: str = "plain"


class Outer(BaseModel):
    count: int
    inner: Inner
    names: tuple[str, ...] = ()


WHOLE = {"count": 2, "inner": {"size": 1.5, "kind": "plain"}, "names": ["a"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"a": 1, "a": 2}', "'a' is there more than once"),
        (b'[{"b": {"c": 1, "c": 1}}]', "'c' is there more than once"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": -Infinity}', "-Infinity is no number"),
        (b'{"a": 1e999}', "1e999 is too large"),
        (b"[" * 100_000, "recursion"),
        (b'{"a": ' * 50_000, "recursion"),
        (b"", "cannot be read as JSON"),
        (b"{} {}", "Extra data"),
        (b'{"a": "\xe4"}', "is not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "is not UTF-8"),
    ],
    ids=["twice", "twice-inside", "nan", "infinity", "too-large", "deep-lists", "deep-objects",
         "empty", "two-values", "latin-1", "utf-16"],
)  # fmt: skip
def test_what_is_no_json_is_refused_and_the_file_named(tmp_path, text, said):
    (tmp_path / "a.json").write_bytes(text)
    with pytest.raises(InputError, match=said) as caught:
        read_json(tmp_path / "a.json")
    assert str(tmp_path / "a.json") in str(caught.value)


def test_a_byte_order_mark_is_no_fault(tmp_path):
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": [1, 2.5, null, true]}')
    assert read_json(tmp_path / "a.json") == {"a": [1, 2.5, None, True]}


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "plain").write_text("{}")
    for name, said in {
        "folder": "is a folder",
        "pipe": "no regular file",
        "loop": "symbolic links",
        "n" * 300: "too long",
        "none": "no such file",
        "plain/a.json": "no such file",
        "a\0b": "null",
    }.items():
        with pytest.raises(InputError, match=said):
            read_json(tmp_path / name)
    with pytest.raises(InputError, match="at most 1 are expected"):
        read_json(tmp_path / "plain", limit=1)
    with pytest.raises(InputError, match=r"^my own words$"):
        read_json(tmp_path / "none", missing="my own words")


def test_another_form_is_refused_place_by_place(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1, "b": "two", "c": []}')
    with pytest.raises(InputError, match=r"a\.json: is not a table; write it anew:") as caught:
        read_typed(tmp_path / "a.json", dict[str, int], what="a table", remedy="write it anew")
    assert [problem[:2] for problem in caught.value.problems] == ["b:", "c:"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"count": "2"}, "count: 2 expected, '2' found"),
        ({"count": True}, "count: 1 expected, True found"),
        ({"count": 2.0}, "count: 2 expected, 2.0 found"),
        ({"inner": {"size": 1.5}}, "inner.kind: is missing"),
        ({"inner": {"size": "1.5", "kind": "plain"}}, "inner.size: 1.5 expected, '1.5' found"),
        ({"names": None}, "names: Input should be a valid tuple"),
        ({"more": 1}, "more: is not known"),
    ],
    ids=["text", "true", "float", "missing", "inside", "null", "unknown"],
)
def test_what_is_read_is_what_was_written(tmp_path, change, said):
    assert as_written(tmp_path, WHOLE, Outer, what="whole").count == 2
    with pytest.raises(InputError) as caught:
        as_written(tmp_path, WHOLE | change, Outer, what="whole")
    assert said in caught.value.problems


def test_every_key_that_is_taken_away_is_named():
    assert missing_keys(WHOLE, WHOLE) == []
    for place in ("count", "inner", "inner.size", "inner.kind", "names"):
        changed = json.loads(json.dumps(WHOLE))
        first, _, rest = place.partition(".")
        holder, key = (changed[first], rest) if rest else (changed, first)
        del holder[key]
        assert missing_keys(WHOLE, changed) == [place]


def test_a_whole_number_may_stand_for_a_float(tmp_path):
    assert as_written(tmp_path, {"size": 1, "kind": "plain"}, Inner, what="whole").size == 1.0
