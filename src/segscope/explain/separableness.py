"""Separableness: how far the intensities alone could segment, and what the network adds."""

import torch
from torch import Tensor

from segscope.explain.ability import layer_ability
from segscope.features import map_counts


def separableness(image: Tensor, guide: Tensor, truth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compare the network's output with the map of the input's intensities (section 4.7).

    Args:
        image: ``(N, C, *S)``.
        guide: The network's probabilities ``(N, 1 or K, *S)``.
        truth: ``(N, 1, *S)`` label indices.

    Returns:
        Dice of the output, SA of the input ``SA(S_x)`` and the distance ``d = Dice(B) - SA(S_x)``,
        each ``(N, classes)``: large where intensities alone do not tell the classes apart.

    Example:
        >>> truth = torch.tensor([[[0, 0, 1, 1]]])
        >>> image = torch.tensor([[[0.0, 1.0, 0.0, 1.0]]])
        >>> [x.item() for x in separableness(image, truth.float(), truth)]
        [1.0, 0.0, 1.0]
    """
    intensities = layer_ability(image, guide, truth).dice
    found = map_counts(guide, [truth])
    sizes = torch.stack(
        [(truth.flatten(1) == k + 1).sum(1) for k in range(found.size.shape[1])], 1
    ).to(found.size)
    total = found.size + sizes
    both = 2 * found.overlap[..., 0] / torch.where(total > 0, total, torch.nan)
    return both, intensities, both - intensities


def uniform_noise(image: Tensor, maximum: float, seed: int) -> Tensor:
    """Add noise between 0 and ``maximum`` times the range of each channel (section 4.8).

    The paper's images lie in [0, 1]; prepared ones do not, so the range takes the place of one.

    Args:
        image: ``(C, *S)``.
        maximum: 0.1 to 1.0 in the paper.
        seed: The same one gives the same noise, scaled.

    Example:
        >>> x = torch.tensor([[0.0, 2.0]])
        >>> bool(((uniform_noise(x, 0.5, seed=0) - x) <= 1.0).all())
        True
    """
    random = torch.Generator().manual_seed(seed)
    noise = torch.rand(image.shape, generator=random).to(image)
    dims = tuple(range(1, image.ndim))
    return image + maximum * (image.amax(dims, True) - image.amin(dims, True)) * noise
