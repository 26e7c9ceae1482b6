"""Confidence in a prediction from its probabilities alone: the field's usual figures.

Each takes what a network said of one case and returns a number that is higher for better
predictions, so that all can be ranked, compared and thresholded alike.
"""

import torch
from torch import Tensor

from segscope.features import to_labels


def max_probability(probabilities: Tensor) -> float:
    """Mean over the voxels of the likeliest class's probability.

    Args:
        probabilities: ``(1, *S)`` of one object, or ``(K, *S)``.

    Example:
        >>> max_probability(torch.tensor([[0.5, 0.0]]))
        0.75
    """
    return float(_classes(probabilities).amax(0).mean())


def foreground_negative_entropy(probabilities: Tensor) -> float:
    """One minus the mean entropy, in units of its maximum, over the predicted foreground.

    A prediction without foreground has the lowest value, 0: nothing supports it.

    Example:
        >>> foreground_negative_entropy(torch.tensor([[1.0, 1.0, 0.0]]))
        1.0
        >>> foreground_negative_entropy(torch.tensor([[0.1, 0.2]]))
        0.0
    """
    p = _classes(probabilities)
    inside = p[1] > 0.5 if len(p) == 2 else to_labels(p[None])[0, 0] > 0
    if not inside.any():
        return 0.0
    found = p[:, inside].double()
    entropy = torch.special.entr(found).sum(0) / torch.log(torch.tensor(float(len(p))))
    return float(1 - entropy.mean())


def _classes(probabilities: Tensor) -> Tensor:
    if len(probabilities) == 1:
        return torch.cat([1 - probabilities, probabilities])
    return probabilities
