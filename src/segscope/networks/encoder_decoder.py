"""An encoder-decoder whose skips are plain and whose blocks are the caller's."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from segscope.networks.architecture import Architecture
from segscope.networks.blocks import Block, Kit, layers_for


class EncoderDecoder(Architecture):
    """A block per level, max-pooling down, bare transposed convolutions up, skips concatenated.

    A subclass makes its layers by `_levels`; arguments are those of an `Architecture`.
    """

    def _levels(self, kit: Kit, block: Block) -> None:
        """Make all layers; ``block`` makes one from kit, input and output channels."""
        transposed = layers_for(self.spatial_dims).conv_transpose
        going_up = list(pairwise(reversed(self.widths)))
        self.encoder = nn.ModuleList(
            block(kit, i, o) for i, o in pairwise((self.in_channels, *self.widths))
        )
        self.pools = nn.ModuleList(kit.pool(step) for step in self.strides)
        self.ups = nn.ModuleList(
            transposed(i, o, step, stride=step)
            for (i, o), step in zip(going_up, reversed(self.strides), strict=True)
        )
        self.decoder = nn.ModuleList(block(kit, 2 * o, o) for _, o in going_up)
        self.head = kit.conv(self.widths[0], self.out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        self._check(x)
        skips: list[Tensor] = [self.encoder[0](x)]
        for pool, level in zip(self.pools, self.encoder[1:], strict=True):
            skips.append(level(pool(skips[-1])))
        x = skips.pop()
        for up, level in zip(self.ups, self.decoder, strict=True):
            x = level(torch.cat([skips.pop(), up(x)], 1))
        return self.head(x)
