"""Layers of a network and what they give."""

import torch

X = torch.linspace(-1, 2, 80).reshape(1, 1, 8, 10)


def layers_of(net):
    """The layers that run, and what they give at that moment."""
    found, handles = {}, []
    for name, module in net.named_children():
        handles.append(
            module.register_forward_hook(
                lambda m, i, out, name=name: found.__setitem__(name, out.detach().clone())
            )
        )
    with torch.no_grad():
        net(X.clone())
    for handle in handles:
        handle.remove()
    return found
