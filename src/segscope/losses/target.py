"""What losses compare: probabilities and a target of the same shape.

One convention for all: ``out_channels = 1`` is a sigmoid network, more is softmax with background
first; the target is label indices ``(N, 1, *S)`` or probabilities or one-hot ``(N, K, *S)``.
"""

import torch
from torch import Tensor


def widen(logits: Tensor) -> Tensor:
    """Turn half precision into float32 whatever autocast says; float64 stays as it is.

    Example:
        >>> widen(torch.zeros(1, dtype=torch.bfloat16)).dtype
        torch.float32
    """
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def as_probabilities(logits: Tensor) -> Tensor:
    """Turn logits ``(N, K, *S)`` into probabilities, in float32 at least.

    Example:
        >>> as_probabilities(torch.zeros(1, 2, 3))[0, :, 0].tolist()
        [0.5, 0.5]
    """
    logits = widen(logits)
    return torch.sigmoid(logits) if logits.shape[1] == 1 else logits.softmax(1)


def as_target(logits: Tensor, target: Tensor) -> Tensor:
    """Give the target the shape ``(N, K, *S)`` of the logits, one-hot where it holds labels.

    Values are looked at on a processor only: on other devices that would stop the pipeline at
    every step. There, a label outside of ``0..K-1`` still trips the device's own check of indices.

    Args:
        logits: ``(N, K, *S)``.
        target: Labels ``(N, 1, *S)``, or ``(N, K, *S)``: floating-point probabilities, or whole
            numbers or booleans, one-hot.

    Raises:
        ValueError: The shape is neither, or there is no voxel; on a processor also labels outside
            of ``0..K-1`` (0 and 1 for one channel), labels that are not whole, probabilities
            outside of 0..1, voxels that are one-hot of no class or of several.

    Example:
        >>> as_target(torch.zeros(1, 2, 3), torch.tensor([[[0, 1, 1]]]))[0].tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]
    """
    kind = torch.promote_types(logits.dtype, torch.float32)
    if logits.numel() == 0:
        raise ValueError(
            f"logits of the shape {tuple(logits.shape)} hold no voxel, so there is nothing to "
            "compare; leave empty batches out"
        )
    if target.shape == logits.shape and target.is_floating_point():
        _check_range(target, 1, "probabilities")
        return target.to(kind)
    if target.shape == logits.shape and logits.shape[1] > 1:
        _check_one_hot(target)
        return target.to(kind)
    labels_shape = (logits.shape[0], 1, *logits.shape[2:])
    if tuple(target.shape) != labels_shape:
        raise ValueError(
            f"target must be labels {labels_shape}, or probabilities or one-hot "
            f"{tuple(logits.shape)}, got {tuple(target.shape)} of {target.dtype}"
        )
    labels = target.long()
    if (
        target.is_floating_point()
        and _is_visible(target)
        and not torch.equal(labels, target.to(kind))
    ):
        raise ValueError(
            f"target labels must be whole numbers; probabilities need {logits.shape[1]} channels"
        )
    classes = max(2, logits.shape[1])
    _check_range(labels, classes - 1, "labels")
    shape = (logits.shape[0], classes, *logits.shape[2:])
    one_hot = torch.zeros(shape, dtype=kind, device=target.device).scatter_(1, labels, 1.0)
    return one_hot[:, -logits.shape[1] :]


def foreground(probabilities: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Drop the background channel where there is one.

    Example:
        >>> foreground(torch.zeros(1, 3, 4), torch.zeros(1, 3, 4))[0].shape[1]
        2
    """
    if probabilities.shape[1] == 1:
        return probabilities, target
    return probabilities[:, 1:], target[:, 1:]


def _is_visible(target: Tensor) -> bool:
    return target.device.type == "cpu" and target.numel() > 0


def _check_one_hot(target: Tensor) -> None:
    if not _is_visible(target):
        return
    values = target.long()
    low, high = (bound.item() for bound in values.aminmax())
    least, most = (bound.item() for bound in values.sum(1).aminmax())
    if (low, high) != (0, 1) or (least, most) != (1, 1):
        raise ValueError(
            f"target must be labels in one channel, or one-hot: 0 and 1, once per voxel; got "
            f"{low}..{high}, and {least}..{most} per voxel (regions that overlap are no classes)"
        )


def _check_range(target: Tensor, highest: int, what: str) -> None:
    if not _is_visible(target):
        return
    low, high = (bound.item() for bound in target.aminmax())
    if not (low >= 0 and high <= highest):  # so that nan is caught
        raise ValueError(
            f"target {what} must lie in 0..{highest}, got {low}..{high}; "
            "does the network have an output per class?"
        )
