"""Building blocks of every network here, written once for 1D, 2D and 3D.

`layers_for` is the only place where the number of dimensions picks classes.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

Step = int | Sequence[int]


class Layers(NamedTuple):
    """The torch layer classes for one number of spatial dimensions."""

    conv: type[nn.Module]
    conv_transpose: type[nn.Module]
    max_pool: type[nn.Module]
    batch_norm: type[nn.Module]
    instance_norm: type[nn.Module]


_LAYERS = {
    1: Layers(nn.Conv1d, nn.ConvTranspose1d, nn.MaxPool1d, nn.BatchNorm1d, nn.InstanceNorm1d),
    2: Layers(nn.Conv2d, nn.ConvTranspose2d, nn.MaxPool2d, nn.BatchNorm2d, nn.InstanceNorm2d),
    3: Layers(nn.Conv3d, nn.ConvTranspose3d, nn.MaxPool3d, nn.BatchNorm3d, nn.InstanceNorm3d),
}


def layers_for(spatial_dims: int) -> Layers:
    """Return the layer classes for 1, 2 or 3 spatial dimensions."""
    if spatial_dims not in _LAYERS:
        raise ValueError(f"spatial_dims must be 1, 2 or 3, got {spatial_dims}")
    return _LAYERS[spatial_dims]


class Kit:
    """Makes the layers of one network: its dimensions and its normalisation, chosen once.

    Args:
        spatial_dims: 1, 2 or 3.
        norm: ``batch`` (the papers'), ``instance`` or ``group`` (8 groups, or fewer when the
            channels are not a multiple of 8).
    """

    def __init__(self, spatial_dims: int, norm: str = "batch") -> None:
        if norm not in ("batch", "instance", "group"):
            raise ValueError(f"norm must be batch, instance or group, got {norm!r}")
        self.spatial_dims = spatial_dims
        self._norm = norm
        self._layers = layers_for(spatial_dims)

    def conv(self, in_channels: int, out_channels: int, size: int = 3) -> nn.Module:
        """Convolution with bias that keeps the spatial shape."""
        return self._layers.conv(in_channels, out_channels, size, padding=size // 2)

    def norm(self, channels: int) -> nn.Module:
        """Normalisation with learned scale and shift."""
        if self._norm == "batch":
            return self._layers.batch_norm(channels)
        if self._norm == "instance":
            return self._layers.instance_norm(channels, affine=True)
        groups = next(g for g in (8, 4, 2, 1) if channels % g == 0)
        return nn.GroupNorm(groups, channels)

    def pool(self, step: Step) -> nn.Module:
        """Max pooling by ``step`` along each axis."""
        return self._layers.max_pool(_per_axis(step, self.spatial_dims))

    def up(self, in_channels: int, out_channels: int, step: Step) -> nn.Module:
        """Transposed convolution by ``step``, norm, ReLU."""
        size = _per_axis(step, self.spatial_dims)
        conv = self._layers.conv_transpose(in_channels, out_channels, size, stride=size)
        return nn.Sequential(conv, self.norm(out_channels), nn.ReLU(inplace=True))


class ConvBlock(nn.Sequential):
    """Twice: 3-wide convolution with bias, norm, ReLU."""

    def __init__(self, kit: Kit, in_channels: int, out_channels: int) -> None:
        super().__init__(
            kit.conv(in_channels, out_channels),
            kit.norm(out_channels),
            nn.ReLU(inplace=True),
            kit.conv(out_channels, out_channels),
            kit.norm(out_channels),
            nn.ReLU(inplace=True),
        )


class RecurrentConv(nn.Module):
    """One convolution applied ``times + 1`` times, its input added before each repetition.

    x_0 = C(x), x_k = C(x + x_{k-1}) (Alom et al. 2018, arXiv:1802.06955, section III), with C a
    3-wide convolution, norm, ReLU that share their weights over all applications: one layer, of
    which an audit reads the last run.
    """

    def __init__(self, kit: Kit, channels: int, times: int = 2) -> None:
        super().__init__()
        self.times = times
        self.layer_runs = times + 1  # `features` counts what repeats itself as one layer
        self.conv = nn.Sequential(kit.conv(channels, channels), kit.norm(channels), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        state = self.conv(x)
        for _ in range(self.times):
            state = self.conv(x + state)
        return state


class RecurrentBlock(nn.Module):
    """1-wide convolution, two recurrent convolutions, and a residual around the two."""

    def __init__(self, kit: Kit, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.enter = kit.conv(in_channels, out_channels, 1)
        self.recur = nn.Sequential(
            RecurrentConv(kit, out_channels), RecurrentConv(kit, out_channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        return x + self.recur(x)


class AttentionGate(nn.Module):
    r"""Scales a skip connection by one coefficient per position.

    :math:`\alpha = \sigma(BN(W_\psi\, ReLU(BN(W_g g) + BN(W_f f))))`, output
    :math:`f \alpha` (ANU-Net paper, eqs. 1-3; all :math:`W` are 1-wide convolutions with bias).

    Args:
        kit: Makes the layers.
        channels: Of the skip ``f`` and of the gating signal ``g``.
        inner: Channels of the sum; half of ``channels``, never below 32, where not given.
    """

    def __init__(self, kit: Kit, channels: int, inner: int | None = None) -> None:
        super().__init__()
        width = max(32, channels // 2) if inner is None else inner
        self.of_gate = nn.Sequential(kit.conv(channels, width, 1), kit.norm(width))
        self.of_skip = nn.Sequential(kit.conv(channels, width, 1), kit.norm(width))
        self.to_map = nn.Sequential(kit.conv(width, 1, 1), kit.norm(1))

    def coefficients(self, skip: Tensor, gate: Tensor) -> Tensor:
        """Return alpha ``(N, 1, *S)`` in (0, 1)."""
        return torch.sigmoid(self.to_map(torch.relu(self.of_gate(gate) + self.of_skip(skip))))

    def forward(self, skip: Tensor, gate: Tensor) -> Tensor:
        return skip * self.coefficients(skip, gate)


class PlainSkip(nn.Module):
    """A skip connection without a gate."""

    def __init__(self, kit: Kit, channels: int) -> None:
        super().__init__()

    def forward(self, skip: Tensor, gate: Tensor) -> Tensor:
        return skip


Block = Callable[[Kit, int, int], nn.Module]
Gate = Callable[[Kit, int], nn.Module]


class Segmenter(nn.Module):
    """What all networks here share: logits, heads, attention, and what sides they accept.

    Args:
        spatial_dims: 1, 2 or 3.
        in_channels: Channels of the input.
        out_channels: 1 for a sigmoid network, else one per class, background first.
        widths: Channels per level, from full resolution down.
        strides: Pooling per step between levels, an integer or one per axis; 2 by default.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        widths: Sequence[int],
        strides: Sequence[Step] | None,
    ) -> None:
        super().__init__()
        if len(widths) < 2:
            raise ValueError(f"widths must name at least two levels, got {tuple(widths)}")
        steps = [2] * (len(widths) - 1) if strides is None else list(strides)
        if len(steps) != len(widths) - 1:
            raise ValueError(
                f"strides must name one step between each two of {len(widths)} widths, "
                f"got {len(steps)}"
            )
        self.spatial_dims = spatial_dims
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.widths = tuple(int(w) for w in widths)
        self.strides = tuple(_per_axis(step, spatial_dims) for step in steps)

    @property
    def head_count(self) -> int:
        """How many logits `heads` returns."""
        return 1

    @property
    def multiple(self) -> tuple[int, ...]:
        """Sides of the input must be multiples of these, per axis."""
        total = [1] * self.spatial_dims
        for step in self.strides:
            total = [t * s for t, s in zip(total, step, strict=True)]
        return tuple(total)

    @property
    def fixed(self) -> tuple[int, ...] | None:
        """The only sides that are taken, where there is no choice."""
        return None

    @property
    def pads_after(self) -> bool:
        """Whether images are padded at their end alone, and not around them."""
        return False

    def padded(self, sides: Sequence[int]) -> tuple[int, ...]:
        """Return the smallest sides that the network takes and that are not below ``sides``.

        Multiples of `multiple`. Instance and group norms need two voxels to tell apart: with them,
        sides that would leave one at the deepest level are doubled.
        """
        rounded = [-(-side // m) * m for side, m in zip(sides, self.multiple, strict=True)]
        single = rounded == list(self.multiple)
        norms = nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d, nn.GroupNorm
        if single and any(isinstance(module, norms) for module in self.modules()):
            rounded = [2 * side for side in rounded]
        return tuple(rounded)

    def heads(self, x: Tensor) -> list[Tensor]:
        """Return the logits of every deep-supervision head, shallowest first."""
        return [self(x)]

    def attention(self, x: Tensor) -> dict[str, Tensor]:
        """Return the attention coefficients ``(N, 1, *S)`` of every gate, by node."""
        raise ValueError(f"{type(self).__name__} has no attention gates")

    def _check(self, x: Tensor) -> None:
        if x.ndim != self.spatial_dims + 2 or x.shape[1] != self.in_channels:
            raise ValueError(
                f"input must be (N, {self.in_channels}, {self.spatial_dims} sides), "
                f"got {tuple(x.shape)}"
            )
        sides = tuple(x.shape[2:])
        if any(side % m for side, m in zip(sides, self.multiple, strict=True)):
            raise ValueError(
                f"input sides must be multiples of {self.multiple}, got {sides}; pad the image"
            )


def initialise(net: nn.Module) -> None:
    """Draw convolution weights as He et al. 2015 (arXiv:1502.01852, eq. 10) for ReLU."""
    for module in net.modules():
        if isinstance(module, nn.modules.conv._ConvNd):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _per_axis(step: Step, spatial_dims: int) -> tuple[int, ...]:
    values = (step,) * spatial_dims if isinstance(step, int) else tuple(int(s) for s in step)
    if len(values) != spatial_dims or any(value < 1 for value in values):
        raise ValueError(f"a stride must be {spatial_dims} positive integers, got {step}")
    return values
