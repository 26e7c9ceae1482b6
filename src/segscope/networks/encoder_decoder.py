"""An encoder-decoder whose skips are plain and whose blocks are the caller's."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from segscope.networks.blocks import Block, Kit, Segmenter, Step, initialise, layers_for


class EncoderDecoder(Segmenter):
    """A block per level, max-pooling down, bare transposed convolutions up, skips concatenated.

    Args:
        spatial_dims: 1, 2 or 3.
        in_channels: Channels of the input.
        out_channels: 1 for a sigmoid network, else one per class, background first.
        widths: Channels per level, from full resolution down.
        block: Makes a block from kit, input and output channels.
        norm: ``batch``, ``instance`` or ``group``.
        strides: Pooling per step between levels, an integer or one per axis.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        widths: Sequence[int],
        block: Block,
        *,
        norm: str,
        strides: Sequence[Step] | None,
    ) -> None:
        super().__init__(spatial_dims, in_channels, out_channels, widths, strides)
        kit = Kit(spatial_dims, norm)
        transposed = layers_for(spatial_dims).conv_transpose
        going_up = list(pairwise(reversed(self.widths)))
        self.encoder = nn.ModuleList(
            block(kit, i, o) for i, o in pairwise((in_channels, *self.widths))
        )
        self.pools = nn.ModuleList(kit.pool(step) for step in self.strides)
        self.ups = nn.ModuleList(
            transposed(i, o, step, stride=step)
            for (i, o), step in zip(going_up, reversed(self.strides), strict=True)
        )
        self.decoder = nn.ModuleList(block(kit, 2 * o, o) for _, o in going_up)
        self.head = kit.conv(self.widths[0], out_channels, 1)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        self._check(x)
        skips: list[Tensor] = [self.encoder[0](x)]
        for pool, level in zip(self.pools, self.encoder[1:], strict=True):
            skips.append(level(pool(skips[-1])))
        x = skips.pop()
        for up, level in zip(self.ups, self.decoder, strict=True):
            x = level(torch.cat([skips.pop(), up(x)], 1))
        return self.head(x)
