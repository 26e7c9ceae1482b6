"""Label descriptions of ITK-SNAP."""

import pytest

from segscope.convert import read_label_names
from segscope.errors import InputError
from tests.commands import call
from tests.convert.more_trees import mask, volume

HEAD = """################################################
# ITK-SnAP Label Description File
# File format:
# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL
################################################
    0     0    0    0        0  0  0    "Clear Label"
"""


def described(place, *lines):
    file = place / "labels.txt"
    file.write_text(HEAD + "".join(f"{line}\n" for line in lines))
    return file


def test_names_and_values(tmp_path):
    file = described(tmp_path, '    1   255    0    0        1  1  1    "left kidney"',
                     '    7     0  255    0      0.5  1  0    "cyst (simple)"')  # fmt: skip
    assert read_label_names(file) == {"left kidney": 1, "cyst (simple)": 7}


@pytest.mark.parametrize(
    ("lines", "said"),
    [(["1 255 0 0 1 1 1 liver"], "line 7 is no label of ITK-SNAP's"),
     (['1 0 0 0 1 1 1 "a"', '1 0 0 0 1 1 1 "b"'], "line 8: 1 'b' is there twice"),
     (['1 0 0 0 1 1 1 "a"', '2 0 0 0 1 1 1 "a"'], "line 8: 2 'a' is there twice"),
     (['1 0 0 0 1 1 1 ""'], "or nameless"), ([], "names no label")],
    ids=["no quotes", "value twice", "name twice", "no name", "none"],
)  # fmt: skip
def test_other_files_are_refused(tmp_path, lines, said):
    with pytest.raises(InputError, match=said):
        read_label_names(described(tmp_path, *lines))


def test_masks_get_these_names(tmp_path, capsys):
    for case in ("a", "b"):
        volume(tmp_path / "s" / "images" / f"{case}.nii.gz")
        mask(tmp_path / "s" / "masks" / f"{case}.nii.gz", 1, 7)
    file = described(tmp_path, '1 0 0 0 1 1 1 "kidney"', '7 0 0 0 1 1 1 "cyst"')
    code, out, err = call(capsys, "data", "convert", tmp_path / "s", "-o", tmp_path / "out",
                          "--images", "images", "--masks", "masks",
                          "--label-names", file)  # fmt: skip
    assert code == 0, err
    assert "labels: 0 background, 1 kidney, 2 cyst" in out
