"""Cutting up and putting together again."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segscope.audit import prepare_pieces

side = st.integers(3, 12)


@given(st.lists(side, min_size=1, max_size=3), st.integers(1, 4), st.integers(2, 6))
def test_windows_joined_are_the_case_again(shape, multiple, patch):
    dims = len(shape)
    image = torch.rand(2, *shape)
    truth = torch.randint(0, 3, (1, *shape))
    pieces = prepare_pieces(image, truth, patch=(patch,) * dims, multiple=(multiple,) * dims)
    assert torch.equal(pieces.joined(pieces.image), image)
    assert torch.equal(pieces.joined(pieces.truth), truth)
    assert all(s % multiple == 0 for s in pieces.image.shape[2:])
    counted = pieces.image.new_ones(len(pieces.image), 1, *pieces.image.shape[2:])
    tissue = counted if pieces.tissue is None else pieces.tissue
    assert tissue.sum() == truth.numel()  # every voxel counts once


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(("patch", "windows"), [((8, 8), 1), ((4, 3), None)])
def test_slices_joined_are_the_volume_again(axis, patch, windows):
    image, truth = torch.rand(2, 4, 5, 6), torch.randint(0, 2, (1, 4, 5, 6))
    pieces = prepare_pieces(image, truth, patch=patch, multiple=(4, 1), slice_axis=axis)
    if windows:
        assert len(pieces.image) == (4, 5, 6)[axis]
    else:
        assert len(pieces.image) >= 2 * (4, 5, 6)[axis]
    assert torch.equal(pieces.joined(pieces.image), image)
    assert torch.equal(pieces.joined(pieces.truth), truth)


def test_a_case_a_little_larger_than_a_window_goes_through_whole():
    assert len(prepare_pieces(torch.rand(1, 10, 8), None, patch=(8, 8)).image) == 1
    assert len(prepare_pieces(torch.rand(1, 11, 8), None, patch=(8, 8)).image) == 2


def test_padding_repeats_the_edge_and_is_no_tissue():
    pieces = prepare_pieces(torch.tensor([[1.0, 2.0, 3.0]]), None, multiple=(4,))
    assert pieces.image.tolist() == [[[1, 2, 3, 3]]]
    assert pieces.tissue.tolist() == [[[1, 1, 1, 0]]]
