"""Windows against MONAI's sliding window, and what is held of them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data.utils import compute_importance_map
from monai.inferers.utils import sliding_window_inference
from torch import nn

from segscope.inference.windows import (
    cheapest_axis,
    gaussian_weights,
    slabs_of_windows,
    window_starts,
)


@settings(max_examples=60)
@given(
    sides=st.lists(st.integers(3, 19), min_size=2, max_size=3),
    window=st.lists(st.integers(2, 9), min_size=3, max_size=3),
    overlap=st.floats(0, 0.9),
    batch=st.integers(1, 5),
    samples=st.integers(1, 2),
    axis=st.integers(0, 2),
)
def test_all_slabs_together_are_monais_output(sides, window, overlap, batch, samples, axis):
    dims, window = len(sides), window[: len(sides)]
    axis %= dims
    torch.manual_seed(0)
    conv = (nn.Conv2d, nn.Conv3d)[dims - 2](1, 2, 3, padding=1)
    x = torch.randn(samples, 1, *sides)
    with torch.inference_mode():
        theirs = sliding_window_inference(
            x, window, batch, conv, overlap=overlap, mode="gaussian", padding_mode="replicate"
        )
        slabs = list(slabs_of_windows(x, window, conv, overlap=overlap, batch=batch, axis=axis))
    torch.testing.assert_close(torch.cat(slabs, 2 + axis), theirs, atol=1e-5, rtol=1e-5)
    if sides[axis] > window[axis]:
        assert max(slab.shape[2 + axis] for slab in slabs) <= window[axis]


@pytest.mark.parametrize("window", [(5,), (4, 7), (32, 16, 3)])
def test_weights_are_monais(window):
    torch.testing.assert_close(
        gaussian_weights(window), compute_importance_map(window, mode="gaussian")
    )


def test_every_row_is_in_a_window_and_windows_stay_inside():
    for side in range(1, 40):
        for window in range(1, side + 1):
            for overlap in (0.0, 0.3, 0.5, 0.99):
                starts = window_starts(side, window, overlap)
                covered = np.zeros(side, bool)
                for start in starts:
                    covered[start : start + window] = True
                assert covered.all()
                assert starts == sorted(set(starts))
                assert starts[-1] + window == side


def test_slabs_are_cut_where_they_are_small():
    assert cheapest_axis((512, 512, 400), (64, 64, 64)) == 0
    assert cheapest_axis((20, 20, 400), (16, 16, 32)) == 2
