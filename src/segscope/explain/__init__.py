"""What a network can do inside, and how far a prediction can be trusted."""

from segscope.explain.ability import Ability, layer_ability, mean_ability, unit_ability
from segscope.explain.quality import foreground_certainty, max_probability, pairwise_dice

__all__ = [
    "Ability",
    "foreground_certainty",
    "layer_ability",
    "max_probability",
    "mean_ability",
    "pairwise_dice",
    "unit_ability",
]
