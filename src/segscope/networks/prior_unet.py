"""The network that global binary masks were published with: a U-Net of sigmoid activations."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from segscope.networks.blocks import Kit, Segmenter, Step, initialise, layers_for
from segscope.networks.unet import WIDTHS

_ACTIVATIONS: dict[str, type[nn.Module]] = {"sigmoid": nn.Sigmoid, "relu": nn.ReLU}
_DROPOUTS: dict[int, type[nn.Module]] = {1: nn.Dropout1d, 2: nn.Dropout2d, 3: nn.Dropout3d}


class PriorUNet(Segmenter):
    """U-Net whose blocks are twice convolution, norm and sigmoid, with spatial dropout at the end.

    "Leveraging Global Binary Masks for Structure Segmentation in Medical Images", section on the
    network: 32 channels, doubled by each of four max-poolings, transposed convolutions up, skips
    concatenated, whole channels dropped with a probability of 0.2 after each block.

    Args:
        spatial_dims: 2 for images, 3 for volumes.
        in_channels: Channels of the input, the mask's included.
        out_channels: 1 for a sigmoid network, else one per class, background first.
        widths: Channels per level, from full resolution down.
        activation: ``sigmoid`` (the paper's) or ``relu``.
        dropout: Probability that a channel is dropped in training.
        norm: ``batch`` (the paper's), ``instance`` or ``group``.
        strides: Pooling per step between levels, an integer or one per axis.

    Raises:
        ValueError: An option out of its range; sides that are not multiples.

    Example:
        >>> net = PriorUNet(3, in_channels=2, out_channels=3, widths=(4, 8))
        >>> tuple(net(torch.zeros(1, 2, 4, 4, 6)).shape)
        (1, 3, 4, 4, 6)
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        widths: Sequence[int] = WIDTHS,
        *,
        activation: str = "sigmoid",
        dropout: float = 0.2,
        norm: str = "batch",
        strides: Sequence[Step] | None = None,
    ) -> None:
        super().__init__(spatial_dims, in_channels, out_channels, widths, strides)
        if activation not in _ACTIVATIONS:
            raise ValueError(f"activation must be sigmoid or relu, got {activation!r}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, got {dropout}")
        kit = Kit(spatial_dims, norm)
        transposed = layers_for(spatial_dims).conv_transpose
        going_up = list(pairwise(reversed(self.widths)))

        def block(channels: int, width: int) -> nn.Sequential:
            layers: list[nn.Module] = []
            for inputs in (channels, width):
                layers += [kit.conv(inputs, width), kit.norm(width), _ACTIVATIONS[activation]()]
            return nn.Sequential(*layers, _DROPOUTS[spatial_dims](dropout))

        self.encoder = nn.ModuleList(block(i, o) for i, o in pairwise((in_channels, *self.widths)))
        self.pools = nn.ModuleList(kit.pool(step) for step in self.strides)
        self.ups = nn.ModuleList(
            transposed(i, o, step, stride=step)
            for (i, o), step in zip(going_up, reversed(self.strides), strict=True)
        )
        self.decoder = nn.ModuleList(block(2 * o, o) for _, o in going_up)
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
