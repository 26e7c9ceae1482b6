"""Nested U-Nets: UNet++ and ANU-Net, and the smaller networks inside them.

Node X_{i,j} stands at level i (resolution) and column j. X_{i,0} is the encoder; for j > 0

    X_{i,j} = Block(concat(X_{i,0}, ..., X_{i,j-1}, up_i(X_{i+1,j-1})))

with some of the skips gated (ANU-Net paper, eq. 4). A 1-wide convolution on X_{0,j} is head j, a
segmentation that needs nothing right of column j: that is what pruning keeps.
"""

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from segscope.networks.architecture import Architecture
from segscope.networks.blocks import AttentionGate, ConvBlock, Kit


class UNetPlusPlus(Architecture):
    """Nested U-Net with dense skips and deep supervision (Zhou et al. 2018, arXiv:1807.10165).

    One up-sampling path per level is shared by all columns.

    Args:
        spatial_dims: 2 for images, 3 for volumes.
        in_channels: Channels of the input.
        out_channels: 1 for a sigmoid network, else one per class, background first.
        widths: Channels per level; one head per level below the first.
        norm: ``batch``, ``instance`` or ``group``.
        strides: Pooling per step between levels, an integer or one per axis.

    Shape:
        Input ``(N, in_channels, *S)``; ``net(x)`` is the deepest head ``(N, out_channels, *S)``,
        ``net.heads(x)`` all of them, shallowest first.

    Example:
        >>> net = UNetPlusPlus(2, 1, 1, widths=(4, 8, 16)).eval()
        >>> x = torch.zeros(1, 1, 8, 8)
        >>> len(net.heads(x)), bool((net.prune(1)(x) == net.heads(x)[0]).all())
        (2, True)
    """

    gates_of = "none"

    def _make(self, kit: Kit) -> None:
        depth, w = len(self.widths) - 1, self.widths
        self.blocks, self.gates = nn.ModuleDict(), nn.ModuleDict()
        for i in range(depth + 1):
            self.blocks[f"{i},0"] = ConvBlock(kit, w[i - 1] if i else self.in_channels, w[i])
            for j in range(1, depth + 1 - i):
                self.blocks[f"{i},{j}"] = ConvBlock(kit, (j + 1) * w[i], w[i])
                for k in self._gated(j):
                    self.gates[f"{i},{j},{k}"] = AttentionGate(kit, w[i])
        self.pools = nn.ModuleList(kit.pool(step) for step in self.strides)
        self.ups = nn.ModuleList(
            kit.up(w[i + 1], w[i], step) for i, step in enumerate(self.strides)
        )
        self.outputs = nn.ModuleList(kit.conv(w[0], self.out_channels, 1) for _ in range(depth))

    @property
    def head_count(self) -> int:
        """One head per level below the first."""
        return len(self.outputs)

    def forward(self, x: Tensor) -> Tensor:
        depth = self.head_count
        return self.outputs[-1](self._nodes(x)[0, depth])

    def heads(self, x: Tensor) -> list[Tensor]:
        """Return the logits of all heads, shallowest first."""
        nodes = self._nodes(x)
        return [output(nodes[0, j + 1]) for j, output in enumerate(self.outputs)]

    def prune(self, level: int) -> Self:
        """Return the network inside this one that ends in head ``level``.

        Its output equals that head bit for bit, its parameters are a subset of this network's
        (copied), its heads are 1 to ``level``.

        Args:
            level: 1 to `head_count`.
        """
        if not 1 <= level <= self.head_count:
            raise ValueError(f"level must be 1 to {self.head_count}, got {level}")
        with torch.device(next(self.parameters()).device):
            small = type(self)(
                self.spatial_dims,
                self.in_channels,
                self.out_channels,
                self.widths[: level + 1],
                strides=self.strides[:level],
                **self._options(),
            )
        state = self.state_dict()
        small.load_state_dict({name: state[name] for name in small.state_dict()})
        return small.train(self.training)

    def _options(self) -> dict[str, str]:
        return {"norm": self.norm}

    def _gated(self, column: int) -> Sequence[int]:
        """Columns of the skips into ``column`` that pass a gate."""
        return {"none": (), "newest": (column - 1,), "all": range(column)}[self.gates_of]

    def _nodes(
        self, x: Tensor, found: dict[str, Tensor] | None = None
    ) -> dict[tuple[int, int], Tensor]:
        """Compute every node, column by column, so that a head never waits for what it skips."""
        self._check(x)
        depth = self.head_count
        nodes = {(0, 0): self.blocks["0,0"](x)}
        for column in range(1, depth + 1):
            nodes[column, 0] = self.blocks[f"{column},0"](
                self.pools[column - 1](nodes[column - 1, 0])
            )
            for j in range(1, column + 1):
                i = column - j
                up = self.ups[i](nodes[i + 1, j - 1])
                skips = []
                for k in range(j):
                    skip, name = nodes[i, k], f"{i},{j},{k}"
                    if name in self.gates:
                        gate: Any = self.gates[name]
                        alpha = gate.coefficients(skip, up)
                        skip = skip * alpha
                        if found is not None:
                            found[name] = alpha
                    skips.append(skip)
                nodes[i, j] = self.blocks[f"{i},{j}"](torch.cat([*skips, up], dim=1))
        return nodes


class ANUNet(UNetPlusPlus):
    """UNet++ with attention gates on its skips (ANU-Net paper, section 3.3).

    Args:
        spatial_dims: 2 for images, 3 for volumes.
        in_channels: Channels of the input.
        out_channels: 1 for a sigmoid network, else one per class, background first.
        widths: Channels per level; one head per level below the first.
        gates: ``newest`` gates the newest skip X_{i,j-1} alone, which reproduces the parameter
            counts of the paper's Table 6; ``all`` gates every skip, as eq. 4 is printed.
        norm: ``batch``, ``instance`` or ``group``.
        strides: Pooling per step between levels, an integer or one per axis.

    Example:
        >>> net = ANUNet(2, 1, 1, widths=(4, 8, 16))
        >>> sorted(net.attention(torch.zeros(1, 1, 8, 8)))
        ['0,1,0', '0,2,1', '1,1,0']
    """

    def _make(self, kit: Kit, *, gates: str = "newest") -> None:
        if gates not in ("newest", "all"):
            raise ValueError(f"gates must be newest or all, got {gates!r}")
        self.gates_of = gates
        super()._make(kit)

    def attention(self, x: Tensor) -> dict[str, Tensor]:
        """Return alpha of every gate; ``"i,j,k"`` is the skip X_{i,k} into node X_{i,j}."""
        found: dict[str, Tensor] = {}
        self._nodes(x, found)
        return found

    def _options(self) -> dict[str, str]:
        return {"norm": self.norm, "gates": self.gates_of}
