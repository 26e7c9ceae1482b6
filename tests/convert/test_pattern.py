"""Patterns of paths: what they find, and what their fields hold."""

import pytest

from segscope.convert.pattern import Pattern


@pytest.mark.parametrize(
    ("pattern", "path", "fields"),
    [
        ("{case}.png", "a b.png", {"case": "a b"}),
        ("{case}.png", "x/a.png", None),
        ("{case}.png", "a_png", None),
        ("{case}/{case}_t1.nii[.gz]", "p1/p1_t1.nii.gz", {"case": "p1"}),
        ("{case}/{case}_t1.nii[.gz]", "p1/p2_t1.nii", None),
        ("**/{case}.png", "a.png", {"case": "a"}),
        ("**/{case}.png", "x/y/a.png", {"case": "a"}),
        ("*/{case}_*.png", "x/a_12.png", {"case": "a"}),
        ("*/{case}.png", "x/y/a.png", None),
        (r"{case:\d{3}}-{n}.png", "012-b.png", {"case": "012", "n": "b"}),
        (r"{case:\d{3}}-{n}.png", "12-b.png", None),
        ("{patient}/{series:[a-z]+}/", "P/ax/", {"patient": "P", "series": "ax"}),
        ("a(1).{case}", "a(1).x", {"case": "x"}),
    ],
)  # fmt: skip
def test_paths_are_matched_as_a_whole(pattern, path, fields):
    assert Pattern(pattern).match(path) == fields


def test_fields_are_named_once_in_their_order():
    found = Pattern("{b}/{a}_{b}.png")
    assert found.fields == ("b", "a")
    assert not found.is_folder
    assert Pattern("{b}/").is_folder


@pytest.mark.parametrize(
    ("pattern", "words"),
    [("", "below the source"), ("/abs/{case}", "below the source"),
     ("../{case}", "below the source"), ("{case:[}.png", "pattern"),
     ("{case:(a)}.png", "holds a group"), ("{case:.+}.png", "a bare dot"),
     ("{case:a/b}.png", "a slash")],
)  # fmt: skip
def test_patterns_that_are_none_or_reach_elsewhere_are_refused(pattern, words):
    with pytest.raises(ValueError, match=words):
        Pattern(pattern)


def test_an_escaped_dot_is_a_dot():
    assert Pattern(r"{case:\d\.\d}.png").match("1.2.png") == {"case": "1.2"}
    assert Pattern(r"{case:\d\.\d}.png").match("1x2.png") is None
