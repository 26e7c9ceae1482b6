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
    Windows,
    cheapest_axis,
    gaussian_weights,
    window_starts,
)

SHORT = [1, 2, 3, 5, 7, 8, 13]  # also shorter than a window, equal, a voxel, prime
LONG = [1, 3, 16, 30, 47, 100]


def of_torch(dims):
    """A network that sees neighbours, so that windows, padding and borders matter."""
    conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dims - 1](1, 2, 3, padding=1)
    torch.nn.init.normal_(conv.weight)
    return conv.eval()


def blended(x, window, net, *, overlap, batch, axis):
    windows = Windows(x, window, overlap=overlap, axis=axis)
    batches = windows.batches(batch)
    return [slab for one in batches for slab in windows.add(one, net(windows.cut(one)))]


def in_slabs_and_by_monai(x, window, net, axis, *, overlap, batch):
    with torch.inference_mode():
        theirs = sliding_window_inference(
            x, window, batch, net, overlap=overlap, mode="gaussian", sigma_scale=0.125,
            padding_mode="replicate",
        )  # fmt: skip
        slabs = blended(x, window, net, overlap=overlap, batch=batch, axis=axis)
    assert all(slab.shape[2 + axis] for slab in slabs)
    return torch.cat(slabs, 2 + axis), theirs, max(slab.shape[2 + axis] for slab in slabs)


@settings(max_examples=120)
@given(
    pairs=st.lists(st.tuples(st.sampled_from(SHORT), st.integers(1, 9)), min_size=1, max_size=3),
    overlap=st.floats(0, 0.9),
    batch=st.integers(1, 5),
    samples=st.integers(1, 2),
    axis=st.integers(0, 2),
)
def test_all_slabs_together_are_monais_output(pairs, overlap, batch, samples, axis):
    sides, window = zip(*pairs, strict=True)
    axis %= len(sides)
    torch.manual_seed(0)
    net, x = of_torch(len(sides)), torch.randn(samples, 1, *sides)
    ours, theirs, rows = in_slabs_and_by_monai(x, window, net, axis, overlap=overlap, batch=batch)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    if sides[axis] > window[axis]:
        assert rows <= window[axis]


@settings(max_examples=60)
@given(
    sides=st.tuples(st.sampled_from(LONG), st.sampled_from(LONG)),
    window=st.tuples(st.sampled_from([16, 32, 64, 96]), st.sampled_from([16, 32, 64, 96])),
    overlap=st.sampled_from([0.0, 0.25, 0.5, 0.9]),
    axis=st.integers(0, 1),
)
def test_windows_far_longer_than_a_side_are_monais_too(sides, window, overlap, axis):
    # the padding before a side may then be longer than the slabs that are given out
    torch.manual_seed(0)
    net, x = of_torch(2), torch.randn(1, 1, *sides)
    ours, theirs, _ = in_slabs_and_by_monai(x, window, net, axis, overlap=overlap, batch=64)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


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
