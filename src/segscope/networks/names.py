"""Networks by the names that recipes use."""

import difflib
from typing import Any

from segscope.networks.blocks import Segmenter
from segscope.networks.dense_unet import DenseUNet
from segscope.networks.nested import ANUNet, UNetPlusPlus
from segscope.networks.prior_unet import PriorUNet
from segscope.networks.unet import AttentionR2UNet, AttentionUNet, R2UNet, UNet

NETWORKS: dict[str, type[Segmenter]] = {
    "unet": UNet,
    "r2unet": R2UNet,
    "attention_unet": AttentionUNet,
    "attention_r2unet": AttentionR2UNet,
    "unetplusplus": UNetPlusPlus,
    "anunet": ANUNet,
    "dense_unet": DenseUNet,
    "prior_unet": PriorUNet,
}


def build_network(
    name: str, spatial_dims: int, in_channels: int, out_channels: int, **options: Any
) -> Segmenter:
    """Build a network by its name in recipes; ``options`` go to its constructor.

    Example:
        >>> type(build_network("anunet", 2, 1, 1, widths=(4, 8))).__name__
        'ANUNet'
    """
    if name not in NETWORKS:
        nearest = difflib.get_close_matches(name, NETWORKS, n=1, cutoff=0.0)[0]
        raise ValueError(
            f"unknown network {name!r}, did you mean {nearest!r}? Known: {', '.join(NETWORKS)}"
        )
    build: Any = NETWORKS[name]
    net: Segmenter = build(spatial_dims, in_channels, out_channels, **options)
    return net
