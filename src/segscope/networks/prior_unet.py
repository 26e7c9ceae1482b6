"""The network that global binary masks were published with: a U-Net of sigmoid activations."""

from torch import nn

from segscope.networks.blocks import Kit
from segscope.networks.encoder_decoder import EncoderDecoder

_ACTIVATIONS: dict[str, type[nn.Module]] = {"sigmoid": nn.Sigmoid, "relu": nn.ReLU}
_DROPOUTS: dict[int, type[nn.Module]] = {1: nn.Dropout1d, 2: nn.Dropout2d, 3: nn.Dropout3d}


class PriorUNet(EncoderDecoder):
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
        >>> import torch
        >>> net = PriorUNet(3, in_channels=2, out_channels=3, widths=(4, 8))
        >>> tuple(net(torch.zeros(1, 2, 4, 4, 6)).shape)
        (1, 3, 4, 4, 6)
    """

    def _make(self, kit: Kit, *, activation: str = "sigmoid", dropout: float = 0.2) -> None:
        if activation not in _ACTIVATIONS:
            raise ValueError(f"activation must be sigmoid or relu, got {activation!r}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, got {dropout}")

        def block(kit: Kit, inputs: int, outputs: int) -> nn.Module:
            layers: list[nn.Module] = []
            for channels in (inputs, outputs):
                layers += [kit.conv(channels, outputs), kit.norm(outputs)]
                layers.append(_ACTIVATIONS[activation]())
            return nn.Sequential(*layers, _DROPOUTS[self.spatial_dims](dropout))

        self._levels(kit, block)
