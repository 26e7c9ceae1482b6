"""Networks by name: what does not fit is named."""

import pytest
import torch

from segscope.networks import (
    ANUNet,
    UNet,
    build_network,
)

SMALL = {"widths": (4, 6, 8)}


@pytest.mark.parametrize(
    ("shape", "words"),
    [((1, 1, 6, 8), "multiples of"), ((1, 2, 8, 8), "got"), ((1, 1, 8, 8, 8), "2 sides")],
)
def test_inputs_that_do_not_fit_are_named(shape, words):
    with pytest.raises(ValueError, match=words):
        UNet(2, 1, 1, **SMALL)(torch.zeros(shape))


def test_arguments_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="did you mean 'anunet'"):
        build_network("anunett", 2, 1, 1)
    with pytest.raises(ValueError, match="two levels"):
        UNet(2, 1, 1, widths=(4,))
    with pytest.raises(ValueError, match="spatial_dims"):
        UNet(4, 1, 1)
    with pytest.raises(ValueError, match="gates"):
        ANUNet(2, 1, 1, gates="some")
    with pytest.raises(ValueError, match="norm"):
        UNet(2, 1, 1, norm="layer")
