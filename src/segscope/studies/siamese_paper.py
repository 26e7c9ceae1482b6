"""The content loss paper's own figures, to stand beside a user's."""

HOLD_OUT: dict[str, tuple[float, float]] = {
    "dice": (0.73, 0.46),
    "tversky": (0.78, 0.53),
    "generalized_dice": (0.80, 0.61),
    "content": (0.79, 0.79),
}
"""Table 1, same centre: Dice and lesion recall."""

INDEPENDENT: dict[str, tuple[float, float]] = {
    "dice": (0.45, 0.48),
    "tversky": (0.43, 0.47),
    "generalized_dice": (0.44, 0.50),
    "content": (0.52, 0.75),
}
"""Table 1, another centre: Dice and lesion recall."""
