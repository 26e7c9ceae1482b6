"""How large a network is and how much it computes."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from segscope.features import untouched


def count_parameters(net: nn.Module) -> int:
    """Count trainable parameters.

    Example:
        >>> count_parameters(nn.Conv2d(3, 4, 3))
        112
    """
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def multiply_adds(net: nn.Module, shape: Sequence[int]) -> int:
    """Count multiply-adds of one forward pass; convolutions and matrix products only.

    The network runs once, in evaluation mode, on zeros, and is as before afterwards.

    Args:
        net: On any device.
        shape: Of the input, ``(N, C, *S)``.

    Example:
        >>> multiply_adds(nn.Conv2d(3, 4, 3, padding=1), (1, 3, 8, 8)) == 8 * 8 * 4 * 3 * 9
        True
    """
    device = next(net.parameters()).device
    counter = FlopCounterMode(display=False)
    with untouched(net), torch.no_grad(), counter:
        net(torch.zeros(*shape, device=device))
    return int(counter.get_total_flops()) // 2
