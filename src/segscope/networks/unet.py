"""The U-Net family: one encoder-decoder, published variants by two choices.

    U-Net            ConvBlock       PlainSkip       Ronneberger 2015, arXiv:1505.04597
    Attention U-Net  ConvBlock       AttentionGate   Oktay 2018, arXiv:1804.03999
    R2U-Net          RecurrentBlock  PlainSkip       Alom 2018, arXiv:1802.06955
    Attention R2     RecurrentBlock  AttentionGate   both of the above

Widths, up path and gate are those of the ANU-Net paper's comparison.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from segscope.networks.architecture import Architecture
from segscope.networks.blocks import (
    AttentionGate,
    Block,
    ConvBlock,
    Gate,
    Kit,
    PlainSkip,
    RecurrentBlock,
)


class UNet(Architecture):
    """Encoder-decoder with skip connections.

    Args:
        spatial_dims: 2 for images, 3 for volumes.
        in_channels: Channels of the input, e.g. one per MR sequence.
        out_channels: 1 for a sigmoid network, else one per class, background first.
        widths: Channels per level, from full resolution down.
        norm: ``batch``, ``instance`` or ``group``.
        strides: Pooling per step between levels, an integer or one per axis.

    Shape:
        Input ``(N, in_channels, *S)``, output logits ``(N, out_channels, *S)``; sides of ``S``
        are multiples of `multiple`.

    Example:
        >>> net = UNet(3, in_channels=1, out_channels=2, widths=(4, 8, 16))
        >>> tuple(net(torch.zeros(1, 1, 8, 8, 12)).shape)
        (1, 2, 8, 8, 12)
    """

    block: Block = ConvBlock
    gate: Gate = PlainSkip

    def _make(self, kit: Kit) -> None:
        block, gate = type(self).block, type(self).gate
        going_up = list(pairwise(reversed(self.widths)))
        self.encoder = nn.ModuleList(
            block(kit, i, o) for i, o in pairwise((self.in_channels, *self.widths))
        )
        self.pools = nn.ModuleList(kit.pool(step) for step in self.strides)
        self.ups = nn.ModuleList(
            kit.up(i, o, step)
            for (i, o), step in zip(going_up, reversed(self.strides), strict=True)
        )
        self.gates = nn.ModuleList(gate(kit, o) for _, o in going_up)
        self.decoder = nn.ModuleList(block(kit, 2 * o, o) for _, o in going_up)
        self.head = kit.conv(self.widths[0], self.out_channels, 1)

    def forward(self, x: Tensor, found: dict[str, Tensor] | None = None) -> Tensor:
        """Return the logits; ``found`` receives the coefficients of the gates."""
        self._check(x)
        skips: list[Tensor] = [self.encoder[0](x)]
        for pool, level in zip(self.pools, self.encoder[1:], strict=True):
            skips.append(level(pool(skips[-1])))
        x = skips.pop()
        for up, gate, level in zip(self.ups, self.gates, self.decoder, strict=True):
            x, skip = up(x), skips.pop()
            if found is not None and isinstance(gate, AttentionGate):
                found[f"level{len(skips)}"] = gate.coefficients(skip, x)
            x = level(torch.cat([gate(skip, x), x], dim=1))
        return self.head(x)

    def attention(self, x: Tensor) -> dict[str, Tensor]:
        """Return the coefficients of every gate, named ``level0`` (full resolution) and so on."""
        if type(self).gate is not AttentionGate:
            return super().attention(x)
        found: dict[str, Tensor] = {}
        self.forward(x, found)
        return found


class R2UNet(UNet):
    """U-Net of recurrent residual blocks; arguments as of `UNet`."""

    block = RecurrentBlock


class AttentionUNet(UNet):
    """U-Net with attention gates on its skips; arguments as of `UNet`."""

    gate = AttentionGate


class AttentionR2UNet(UNet):
    """U-Net of recurrent residual blocks with attention gates; arguments as of `UNet`."""

    block = RecurrentBlock
    gate = AttentionGate
