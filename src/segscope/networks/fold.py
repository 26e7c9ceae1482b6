"""Batch norms folded into the convolutions before them: less to compute when nothing is learned."""

import copy
from itertools import pairwise

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.utils.fusion import fuse_conv_bn_weights

from segscope.networks.blocks import Segmenter


def fold_batch_norms(net: Segmenter) -> Segmenter:
    """Copy a network with every convolution-batch-norm pair made one convolution.

    In evaluation a batch norm is a fixed scale and shift per channel, which a convolution's weights
    and bias can hold: the answer is the same but for rounding. Norms that measure each input
    (instance, group) stay. The copy is in evaluation mode and not for training.

    Example:
        >>> import torch
        >>> from segscope.networks import UNet
        >>> net = UNet(2, 1, 2, widths=(4, 8)).eval()
        >>> x = torch.rand(1, 1, 8, 8)
        >>> bool(torch.allclose(fold_batch_norms(net)(x), net(x), atol=1e-5))
        True
    """
    folded = copy.deepcopy(net).eval()
    for module in folded.modules():
        if isinstance(module, nn.Sequential):
            layers = list(module)
            for place, (conv, norm) in enumerate(pairwise(layers)):
                if isinstance(conv, _ConvNd) and isinstance(norm, _BatchNorm):
                    _fold(conv, norm)
                    module[place + 1] = nn.Identity()
    return folded


def _fold(conv: _ConvNd, norm: _BatchNorm) -> None:
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise ValueError("a batch norm without running statistics cannot be folded")
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight,
        conv.bias,
        mean,
        variance,
        norm.eps,
        norm.weight,
        norm.bias,
        transpose=isinstance(conv, _ConvTransposeNd),
    )
