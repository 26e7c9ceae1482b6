"""Quality of a prediction without truth: the field's usual figures behind one interface.

Each takes what a network said of one case and returns a number that is higher for better
predictions, so that all can be ranked, compared and thresholded alike.
"""

from collections.abc import Sequence
from itertools import combinations

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


def pairwise_dice(labels: Sequence[Tensor], classes: int) -> float:
    """Mean Dice of all pairs of predictions of one case, over classes and pairs.

    Pairs that both lack a class are left out of its mean; where no class is ever predicted the
    value is 0, the lowest: nothing supports such a prediction.

    Args:
        labels: Two or more label maps of one shape: test-time variants, dropout samples or several
            networks' answers (agreement in pairs as in Roy et al. 2018, arXiv:1811.09800).
        classes: Labels 1 to ``classes`` are looked at.

    Raises:
        ValueError: Fewer than two predictions.

    Example:
        >>> a, b = torch.tensor([1, 1, 0]), torch.tensor([1, 0, 0])
        >>> round(pairwise_dice([a, b], 1), 4)
        0.6667
    """
    if len(labels) < 2:
        raise ValueError(f"two predictions are needed to compare, got {len(labels)}")
    found = []
    for k in range(1, classes + 1):
        masks = [(label == k).flatten() for label in labels]
        sizes = [int(mask.sum()) for mask in masks]
        for a, b in combinations(range(len(masks)), 2):
            if sizes[a] + sizes[b]:
                both = int((masks[a] & masks[b]).sum())
                found.append(2 * both / (sizes[a] + sizes[b]))
    return sum(found) / len(found) if found else 0.0


def _classes(probabilities: Tensor) -> Tensor:
    if len(probabilities) == 1:
        return torch.cat([1 - probabilities, probabilities])
    return probabilities
