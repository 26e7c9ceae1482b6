"""The U-shaped network of dense blocks that the content loss was published with."""

import torch
from torch import Tensor, nn

from segscope.networks.blocks import Kit
from segscope.networks.encoder_decoder import EncoderDecoder


class DenseBlock(nn.Module):
    """Convolutions of which each sees the block's input and the outputs of all before it.

    Each is 3 wide, then norm, then LeakyReLU(0.1); the output is that of the last (Huang et al.
    2017, arXiv:1608.06993, eq. 2, for the inputs; all have the block's width, where DenseNet has a
    growth rate, as the paper gives a block's filters only).

    Args:
        kit: Makes the layers.
        in_channels: Of the input.
        out_channels: Of every convolution.
        layers: How many.
    """

    def __init__(self, kit: Kit, in_channels: int, out_channels: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                kit.conv(in_channels + k * out_channels, out_channels),
                kit.norm(out_channels),
                nn.LeakyReLU(0.1, inplace=True),
            )
            for k in range(layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        seen = [x]
        for layer in self.layers:
            seen.append(layer(torch.cat(seen, 1) if len(seen) > 1 else x))
        return seen[-1]


class DenseUNet(EncoderDecoder):
    """Encoder-decoder of dense blocks with skip connections.

    Mac, Moody and Khademi, "Siamese Content Loss Networks for Highly Imbalanced Medical Image
    Segmentation", section 2.1: a dense block per level, max-pooling with twice the filters after
    each, one block at the bottom, and as many blocks up as down, each after a transposed
    convolution (bare, as in the first U-Net) and the skip's concatenation.

    Args:
        spatial_dims: 2 for images, 3 for volumes.
        in_channels: Channels of the input, e.g. one per MR sequence.
        out_channels: 1 for a sigmoid network (the paper's), else one per class, background first.
        widths: Filters per level, from full resolution down, the bottleneck's last. The paper found
            the number of blocks by a search and does not give it: four down, by default.
        layers: Convolutions per block; the paper does not give them.
        norm: ``batch`` (the paper's), ``instance`` or ``group``.
        strides: Pooling per step between levels, an integer or one per axis.

    Shape:
        Input ``(N, in_channels, *S)``, output logits ``(N, out_channels, *S)``; sides of ``S``
        are multiples of `multiple`.

    Raises:
        ValueError: An option out of its range; sides that are not multiples.

    Example:
        >>> net = DenseUNet(3, in_channels=1, out_channels=2, widths=(4, 8, 16))
        >>> tuple(net(torch.zeros(1, 1, 8, 8, 12)).shape)
        (1, 2, 8, 8, 12)
    """

    def _make(self, kit: Kit, *, layers: int = 2) -> None:
        if layers < 1:
            raise ValueError(f"layers must be at least 1 per dense block, got {layers}")

        def block(kit: Kit, inputs: int, outputs: int) -> nn.Module:
            return DenseBlock(kit, inputs, outputs, layers)

        self._levels(kit, block)
