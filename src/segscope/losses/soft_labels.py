"""Labels that are less sure than 0 and 1, for any loss."""

from torch import Tensor, nn

from segscope.losses.target import as_target


class SoftLabels(nn.Module):
    """Give a loss softened truth: 1 becomes 1 - s, 0 becomes s (shared by K - 1 classes).

    The content loss paper (section 3.2.2) trains all its models so, with s = 0.1.

    Args:
        loss: Called with logits and probabilities ``(N, K, *S)``.
        amount: s, in [0, 0.5).

    Raises:
        ValueError: ``amount`` out of its range.

    Example:
        >>> import torch
        >>> from segscope.losses.pixel import CrossEntropyLoss
        >>> z, y = torch.full((1, 1, 2), 100.0), torch.ones(1, 1, 2)
        >>> loss = CrossEntropyLoss()
        >>> round(loss(z, y).item(), 4), round(SoftLabels(loss, 0.1)(z, y).item(), 4)  # 0.1 x 100
        (0.0, 10.0)
    """

    def __init__(self, loss: nn.Module, amount: float) -> None:
        super().__init__()
        if not 0 <= amount < 0.5:
            raise ValueError(f"soft labels must lie in [0, 0.5), got {amount}")
        self.loss, self.amount = loss, amount

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        classes = max(2, logits.shape[1])
        low, high = self.amount / (classes - 1), 1 - self.amount
        value: Tensor = self.loss(logits, low + (high - low) * as_target(logits, target))
        return value
