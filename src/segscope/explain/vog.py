"""Variance of gradients: how much a network's reasons changed while it learned."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from segscope.explain.gradients import image_gradient
from segscope.features import answer_of, inner, shapes_of, taken, untouched


def variance_of_gradients(networks: Sequence[nn.Module], image: Tensor) -> float:
    r"""Mean over voxels of the spread of input gradients over training checkpoints.

    :math:`VoG = \frac{1}{P} \sum_p \sqrt{\frac{1}{K} \sum_t (S_{t,p} - \mu_p)^2}` with :math:`S_t`
    the gradient at checkpoint t of the foreground score (here: the sum of the foreground logits,
    against the background's where there is one), averaged over the input's channels (Agarwal et
    al. 2022, arXiv:2008.11600, eqs. 1-3). They normalise over a data set afterwards, see
    `normalised`. High for hard images.

    Args:
        networks: One per checkpoint, at least two; they are left as they were.
        image: ``(N, C, *S)``, pieces of one image.

    Raises:
        ValueError: Fewer than two networks.

    Example:
        >>> a, b = nn.Conv1d(1, 1, 1), nn.Conv1d(1, 1, 1)
        >>> _ = a.weight.data.fill_(1.0), b.weight.data.fill_(3.0)
        >>> variance_of_gradients([a, b], torch.zeros(1, 1, 4))
        1.0
    """
    if len(networks) < 2:
        raise ValueError(f"two checkpoints are needed for a variance, got {len(networks)}")
    gradients = torch.stack([_gradient(network, image) for network in networks])
    return float(gradients.double().std(0, correction=0).mean())


def normalised(values: Sequence[float]) -> list[float]:
    """Subtract the mean over a data set and divide by the standard deviation.

    Example:
        >>> normalised([1.0, 3.0])
        [-1.0, 1.0]
    """
    found = torch.tensor(values, dtype=torch.float64)
    spread = found.std(correction=0)
    return ((found - found.mean()) / torch.where(spread > 0, spread, 1.0)).tolist()


def _gradient(network: nn.Module, image: Tensor) -> Tensor:
    parts = []
    with torch.inference_mode(False), untouched(network):
        net = inner(network)
        for piece in image.split(1):
            found = image_gradient(net, taken(net, piece), _foreground)
            parts.append(found.float().mean(1))
    return torch.cat(parts)


def _foreground(output: Any) -> Tensor:
    answer = answer_of(output, lambda t: t.ndim > 1 and t.is_floating_point())
    if answer is None:
        raise ValueError(f"the network's output has no logits (N, K, *S): {shapes_of(output)}")
    logits = answer.tensor
    score = logits if logits.shape[1] == 1 else logits[:, 1:] - logits[:, :1]
    return score.sum()
