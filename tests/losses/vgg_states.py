"""State dicts as torchvision's VGG19 checkpoint has them, of random numbers."""

import torch

# torchvision's VGG19: number of the layer, channels in and out; "M" pools
LAYERS = [(0, 3, 64), (2, 64, 64), "M", (5, 64, 128), (7, 128, 128), "M", (10, 128, 256)]
LAYERS += [(12, 256, 256), (14, 256, 256), (16, 256, 256), "M", (19, 256, 512), (21, 512, 512)]
LAYERS += [(23, 512, 512), (25, 512, 512), "M", (28, 512, 512), (30, 512, 512), (32, 512, 512)]
LAYERS += [(34, 512, 512), "M"]


def torchvision_state(pools=2, seed=0):
    """A state dict as torchvision's checkpoint has it, of random numbers, up to a pooling layer."""
    random, state, left = torch.Generator().manual_seed(seed), {}, pools
    for layer in LAYERS:
        if layer == "M":
            left -= 1
            if left == 0:
                break
            continue
        n, i, o = layer
        weight = torch.randn(o, i, 3, 3, generator=random) * (2 / (9 * i)) ** 0.5
        state[f"features.{n}.weight"] = weight
        state[f"features.{n}.bias"] = 0.1 * torch.randn(o, generator=random)
    return state


def whole_state():
    """As `torchvision_state`, with the names of what is not used; their shapes do not matter."""
    state = torchvision_state()
    for layer in LAYERS:
        if layer != "M":
            state.setdefault(f"features.{layer[0]}.weight", torch.zeros(1))
            state.setdefault(f"features.{layer[0]}.bias", torch.zeros(1))
    names = (f"classifier.{k}.{what}" for k in (0, 3, 6) for what in ("weight", "bias"))
    return state | {name: torch.zeros(1) for name in names}
