"""The content loss as a game: its features are trained against the network, in turns."""

from typing import Any

import torch
from torch import Tensor

from segscope.losses import ContentLoss, DeepSupervisionLoss


class AdversarialFeatures:
    """Moves the features of a content loss so that the loss grows (Mac et al., table 2).

    Args:
        loss: Over the heads; the network minimises it.
        content: Its content loss, whose ``phi`` learns.
        learning_rate: 1e-5 in the paper.
    """

    def __init__(
        self, loss: DeepSupervisionLoss, content: ContentLoss, learning_rate: float
    ) -> None:
        self.loss, self.phi = loss, content.phi
        self.optimizer = torch.optim.Adam(self.phi.parameters(), learning_rate, maximize=True)

    def step(self, heads: list[Tensor], labels: Tensor, images: Tensor) -> None:
        """Take one step up the loss; afterwards the features are frozen again."""
        self.phi.requires_grad_(True)
        try:
            self.optimizer.zero_grad(set_to_none=True)
            given = [head.detach() for head in heads]
            self.loss(given, labels, image=images).backward()
            self.optimizer.step()
        finally:
            self.phi.requires_grad_(False)

    def state_dict(self) -> dict[str, Any]:
        """Weights and optimiser."""
        return {"phi": dict(self.phi.state_dict()), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.phi.load_state_dict(state["phi"])
        self.optimizer.load_state_dict(state["optimizer"])
