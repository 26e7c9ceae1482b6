"""Linear interpolation and its transpose."""

import pytest
import torch

from segscope.features.interpolation import pool_transposed, upsample

SIZES = [(4, 8), (5, 13), (8, 8), (9, 4), (1, 6)]


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize(("small", "large"), SIZES)
def test_pooling_is_the_transpose_of_upsampling(dims, small, large):
    torch.manual_seed(1)
    x = torch.randn(1, 2, *(small,) * dims, dtype=torch.float64)
    w = torch.randn(1, 2, *(large,) * dims, dtype=torch.float64)
    left = (w * upsample(x, w.shape[2:])).sum()
    right = (pool_transposed(w, x.shape[2:]) * x).sum()
    torch.testing.assert_close(left, right, rtol=1e-6, atol=1e-6)
