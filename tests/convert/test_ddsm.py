"""Chain codes become filled outlines; what is open, missing or elsewhere is refused."""

import numpy as np
import pytest

from segscope.convert.ddsm import read_overlays
from segscope.errors import InputError
from tests.convert.more_trees import MORE, OVERLAY


@pytest.fixture
def case(tmp_path):
    MORE["ddsm"](tmp_path)
    return tmp_path / "cases" / "cancers" / "cancer_01" / "case1141"


def read(case, view="LEFT_CC", shape=(9, 10)):
    return read_overlays(case / "A-1141-1.ics", case / f"A_1141_1.{view}.png", shape)


def test_an_outline_is_filled(case):
    truth = np.zeros((9, 10), bool)
    truth[2:5, 3:7] = True
    np.testing.assert_array_equal(read(case), truth)
    assert not read(case, "RIGHT_CC").any()


def test_a_slanted_outline_and_a_second_one(case):
    second = "1 7 1 3 5 7 #\n"  # up right, down right, down left, up left: a rhombus around (2, 7)
    text = OVERLAY.replace("TOTAL_OUTLINES 1", "TOTAL_OUTLINES 2") + "CORE\n" + second
    (case / "A_1141_1.LEFT_CC.OVERLAY").write_text(text)
    added = np.argwhere(read(case)[6:, :])
    assert added.tolist() == [[0, 2], [1, 1], [1, 2], [1, 3], [2, 2]]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [("0 0  #", "0  #", None), ("6 6 6 0 0  #", "6 #", "an outline is open"),
     ("3 2 2", "3 2 9", "none of 0 to 7"), ("3 2 2", "8 2 2", "an outline leaves the picture"),
     ("3 2 2", "x 2 2", "holds what is no number"), ("OUTLINES 1", "OUTLINES 2", "announces 2")],
    ids=["ends beside its start", "open", "no code", "outside", "text", "one missing"],
)  # fmt: skip
def test_broken_outlines(case, old, new, said):
    file = case / "A_1141_1.LEFT_CC.OVERLAY"
    file.write_text(file.read_text().replace(old, new))
    if said is None:
        assert read(case).sum() == 12
        return
    with pytest.raises(InputError, match=said):
        read(case)


def test_what_the_ics_says_is_compared(case):
    with pytest.raises(InputError, match=r"is of \(9, 11\) pixels, A-1141-1\.ics says \(9, 10\)"):
        read(case, shape=(9, 11))
    with pytest.raises(InputError, match="says nothing of LEFT_MLO"):
        read(case, "LEFT_MLO")
    (case / "A_1141_1.LEFT_CC.OVERLAY").unlink()
    with pytest.raises(InputError, match=r"OVERLAY: is missing; A-1141-1\.ics says"):
        read(case)
