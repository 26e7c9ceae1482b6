"""Networks by the names that recipes use: a new one is a file in this room and a line here."""

from typing import Any

from segscope.networks.blocks import Segmenter
from segscope.networks.dense_unet import DenseUNet
from segscope.networks.nested import ANUNet, UNetPlusPlus
from segscope.networks.own import Network, make_own, no_network
from segscope.networks.prior_unet import PriorUNet
from segscope.networks.unet import AttentionR2UNet, AttentionUNet, R2UNet, UNet
from segscope.plugins import Kind

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
NETWORK: Kind[Network | type[Segmenter]] = Kind(
    "network", "segscope.networks", NETWORKS, no_network
)


def build_network(
    name: str, spatial_dims: int, in_channels: int, out_channels: int, **options: Any
) -> Segmenter:
    """Build a network by its name in recipes; ``options`` go to its constructor.

    Raises:
        ValueError: No network has this name, or this one cannot be built so.

    Example:
        >>> type(build_network("anunet", 2, 1, 1, widths=(4, 8))).__name__
        'ANUNet'
    """
    build: Any = NETWORK.get(name)
    if name not in NETWORKS:
        return make_own(NETWORK, name, (spatial_dims, in_channels, out_channels), options)
    net: Segmenter = build(spatial_dims, in_channels, out_channels, **options)
    return net
