"""Layouts: a wrong one says where, one of your own is a file."""

import pytest
import yaml

from segscope.convert.layout import make_layout, read_layout
from segscope.errors import InputError
from tests.commands import call
from tests.convert import dicom_trees as dicom
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


def test_choices_of_a_layout_are_set_by_name():
    assert read_layout("wmh2017").channels["T1"][0].text.endswith("/pre/T1.nii.gz")
    layout = read_layout("wmh2017", {"source": "orig"})
    place = "Amsterdam/Philips_VU .PETMR_01./110/orig/T1.nii.gz"
    found = layout.channels["T1"][0].match(place)
    assert found == {"centre": "Philips_VU .PETMR_01.", "id": "110"}
    with pytest.raises(InputError, match="wmh2017: source=raw: expected one of pre, orig"):
        read_layout("wmh2017", {"source": "raw"})


def test_settings_of_the_command_reach_the_layout(tmp_path, capsys):
    dicom.series(tmp_path / "source" / "images" / "p1")
    objects = {"Liver left": dicom.box((1, 3), (1, 4), (0, 2)),
               "spleen": dicom.box((2, 4), (1, 4), (0, 2)),
               "scratch": dicom.box((0, 1), (0, 1), (0, 1))}  # fmt: skip
    dicom.seg(tmp_path / "source" / "masks" / "p1.dcm", objects)
    words = ["data", "convert", tmp_path / "source", "--images", "images", "--masks", "masks",
             "--label", "liver=liver*", "--label", "spleen=spleen",
             "--set", "ignore_objects=scratch"]  # fmt: skip
    code, _, err = call(capsys, *words, "-o", tmp_path / "out")
    assert code == 2
    assert "liver and spleen share 6 voxels" in err
    code, out, err = call(capsys, *words, "--set", "overlap=later", "-o", tmp_path / "later")
    assert code == 0, err
    assert "labels: 0 background, 1 liver, 2 spleen" in out
    for wrong, said in (("overlap=never", "refuse"), ("overlap", "expected KEY=VALUE"),
                        ("colour=1", "Extra inputs"), ("a=[", "is no value")):  # fmt: skip
        code, _, err = call(capsys, *words, "--set", wrong, "-o", tmp_path / "wrong")
        assert code == 2
        assert said in err


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
