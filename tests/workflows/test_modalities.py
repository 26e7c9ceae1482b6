"""Other intensities: agreement counted by hand."""

import numpy as np
import pytest

from segscope.workflows.modalities import _dice


@pytest.mark.parametrize(
    ("first", "second", "dice"),
    [
        ([0, 1, 1, 2, 2, 0], [1, 1, 1, 2, 1, 0], 6 / 9),  # three agree, of four and five
        ([0, 1, 2], [0, 2, 1], 0.0),  # both found, but taken for each other
        ([0, 0], [0, 0], 1.0),
        ([0, 0], [0, 3], 0.0),
    ],
    ids=["some agree", "exchanged", "nothing in both", "nothing in one"],
)
def test_agreement_over_all_labels(first, second, dice):
    assert _dice(np.array(first, np.uint8), np.array(second, np.uint8)) == pytest.approx(dice)
