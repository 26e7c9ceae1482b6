"""What every architecture of this room takes: sizes, norm and strides, then its own options."""

import inspect
from collections.abc import Sequence
from typing import Any

from segscope.networks.blocks import Kit, Segmenter, Step, initialise

WIDTHS = (32, 64, 128, 256, 512)


class Architecture(Segmenter):
    """A network of given sizes; a subclass makes the layers and says how an image goes through.

    Args:
        spatial_dims, in_channels, out_channels, widths, strides: As of a `Segmenter`.
        norm: As of a `Kit`.
        own: Options of this architecture alone: what its `_make` takes by name.

    Raises:
        TypeError: It has no such option.
        ValueError: An option out of its range.

    Example:
        >>> class Pointwise(Architecture):
        ...     def _make(self, kit, *, bias=True):
        ...         self.head = kit.conv(self.in_channels, self.out_channels, 1)
        ...     def forward(self, x):
        ...         return self.head(x)
        >>> Pointwise(2, 1, 3, widths=(4, 8), bias=False).head.weight.shape
        torch.Size([3, 1, 1, 1])
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        widths: Sequence[int] = WIDTHS,
        *,
        norm: str = "batch",
        strides: Sequence[Step] | None = None,
        **own: Any,
    ) -> None:
        super().__init__(spatial_dims, in_channels, out_channels, widths, strides)
        self.norm = norm
        self._take(own)
        self._make(Kit(spatial_dims, norm), **own)
        initialise(self)

    def _take(self, own: dict[str, Any]) -> None:
        """Refuse options that this architecture does not have, as a constructor of them would."""
        try:
            inspect.signature(self._make).bind(None, **own)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}.__init__() {error}") from None

    def _make(self, kit: Kit) -> None:
        """Make all layers, in the order in which their weights are drawn."""
        raise NotImplementedError
