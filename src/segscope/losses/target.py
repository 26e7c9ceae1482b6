"""What losses compare: probabilities and a target of the same shape.

One convention for all: ``out_channels = 1`` is a sigmoid network, more is softmax with background
first; the target is label indices ``(N, 1, *S)`` or probabilities ``(N, K, *S)``.
"""

import torch
from torch import Tensor
from torch.nn import functional


def as_probabilities(logits: Tensor) -> Tensor:
    """Turn logits ``(N, K, *S)`` into probabilities, in float32 whatever autocast says."""
    logits = logits.float()
    return torch.sigmoid(logits) if logits.shape[1] == 1 else logits.softmax(1)


def as_target(logits: Tensor, target: Tensor) -> Tensor:
    """Give the target the shape ``(N, K, *S)`` of the logits, one-hot where it holds labels.

    Labels outside of ``0..K-1`` are refused on a processor; on other devices looking at them would
    stop the pipeline at every step, and one-hot encoding raises there by itself.

    Example:
        >>> as_target(torch.zeros(1, 2, 3), torch.tensor([[[0, 1, 1]]]))[0].tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]
    """
    if target.shape == logits.shape and target.is_floating_point():
        return target.float()
    labels_shape = (logits.shape[0], 1, *logits.shape[2:])
    if tuple(target.shape) != labels_shape:
        raise ValueError(
            f"target must be labels {labels_shape} or probabilities {tuple(logits.shape)}, "
            f"got {tuple(target.shape)}"
        )
    classes = max(2, logits.shape[1])
    labels = target.long()
    if labels.device.type == "cpu" and labels.numel():
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high >= classes:
            raise ValueError(
                f"target labels must lie in 0..{classes - 1}, got {low}..{high}; "
                "does the network have an output per class?"
            )
    if logits.shape[1] == 1:
        return labels.float()
    return functional.one_hot(labels[:, 0], classes).movedim(-1, 1).float()


def foreground(probabilities: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Drop the background channel where there is one."""
    if probabilities.shape[1] == 1:
        return probabilities, target
    return probabilities[:, 1:], target[:, 1:]
