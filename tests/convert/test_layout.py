"""Layouts: a wrong one says where, one of your own is a file."""

import pytest
import yaml

from segscope.convert.layout import make_layout
from segscope.errors import InputError
from tests.commands import call
from tests.convert.trees import colours, picture, square


def pairs(at, *, grey=False):
    for k in range(3):
        picture(at / "images" / f"p{k}.png", colours(k)[..., 0] if grey else colours(k))
        picture(at / "masks" / f"p{k}_mask.png", square())


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"case": "images/a.png"}, "expected a pattern with a field"),
        ({"case": "/abs/{case}.png"}, "expected a path below the source"),
        ({"case": "../{case}.png"}, "expected a path below the source"),
        ({"case": "{case:(a)}.png"}, "holds a group"),
        ({"case": "{case}.png", "subject": "person"}, "person is no field"),
        ({"case": "{case}.png", "labels": {"a": 1, "b": [1, 2]}}, "both stand for 1"),
        ({"case": "{case}.png", "labels": {"a": True}}, "expected a number"),
        ({"case": "{case}.png", "colour": 1}, "Extra inputs"),
        ({"case": "{case}.png", "numbered": "{case}.png"}, "expected {channel}"),
    ],
    ids=["no field", "absolute", "above", "group", "subject", "shared", "true", "extra", "number"],
)
def test_layouts_that_are_wrong_say_where(facts, said):
    with pytest.raises(InputError) as error:
        make_layout({"name": "x", **facts}, "x.yaml")
    assert said in str(error.value)


def test_a_layout_of_ones_own_is_a_file(tmp_path, capsys):
    pairs(tmp_path / "source")
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump({
        "case": "images/{case}.png", "label": "masks/{case}_mask.png", "labels": {"spot": 255},
    }))  # fmt: skip
    code, out, err = call(capsys, "data", "convert", tmp_path / "source", "-o", tmp_path / "out",
                          "--layout", own)  # fmt: skip
    assert code == 0
    assert "3 labelled cases, 0 without label" in out
    assert "labels: 0 background, 1 spot" in out
    assert "checked, no problem" in err
