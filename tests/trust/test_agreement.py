"""Agreement of label maps: by hand, against another library, and of nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import f1_score

from segscope.trust.agreement import class_dice, pair_mean, pairwise_dice

MAPS = hnp.arrays(np.uint8, (3, 4), elements=st.integers(0, 3))


def test_pairwise_dice_by_hand():
    a, b, c = (torch.tensor(v) for v in ([1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 2, 2]))
    # class 1: ab 2/3, ac 0, bc 0; class 2: ac 0, bc 0 (ab has none)
    assert pairwise_dice([a, b, c], 2) == pytest.approx((2 / 3) / 5)
    assert pairwise_dice([a, a], 1) == 1.0
    with pytest.raises(ValueError, match="two predictions"):
        pairwise_dice([a], 1)


@given(MAPS, MAPS)
def test_class_dice_is_the_f1_score_of_each_label(one, other):
    found = class_dice(one, other, 3)
    for label in (1, 2, 3):
        mine, theirs = (one == label).ravel(), (other == label).ravel()
        if not (mine.any() or theirs.any()):
            assert np.isnan(found[label - 1])
        else:
            wanted = f1_score(mine, theirs, zero_division=0.0)
            assert found[label - 1] == pytest.approx(wanted)


def test_a_mean_of_pairs_leaves_out_what_was_never_there():
    rows = [np.array([0.5, np.nan, np.nan]), np.array([1.0, 0.25, np.nan])]
    assert pair_mean(rows, 3).tolist() == [0.75, 0.25, 0.0]
    assert pair_mean([], 2).tolist() == [0.0, 0.0]
