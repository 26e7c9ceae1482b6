"""Layers of a network, read by name."""

import torch

from segscope.features import FeatureHooks


def read(net, layer, x):
    """What is read of a layer, and what it gave."""
    given = []
    handle = net.get_submodule(layer).register_forward_hook(lambda m, i, out: given.append(out))
    try:
        with torch.no_grad(), FeatureHooks(net.eval(), [layer]) as hooks:
            net(x)
    finally:
        handle.remove()
    raw = given[-1][0] if isinstance(given[-1], tuple) else given[-1]
    return hooks.features[layer], raw
