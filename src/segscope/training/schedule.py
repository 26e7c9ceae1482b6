"""The learning rate as a function of how much of the training is over.

Progress is the larger of two shares: steps done of steps planned, and time spent of time allowed.
So a training that is given fifteen minutes ends with a learning rate that has come down, however
many steps the machine manages.
"""

import math


def progress_share(
    step: int, total_steps: int, elapsed_s: float, max_minutes: float | None
) -> float:
    """Share of the training that is over, in [0, 1].

    Example:
        >>> progress_share(10, 100, elapsed_s=30.0, max_minutes=1.0)
        0.5
        >>> progress_share(10, 100, elapsed_s=30.0, max_minutes=None)
        0.1
    """
    by_steps = step / total_steps
    by_time = 0.0 if max_minutes is None else elapsed_s / (60.0 * max_minutes)
    return min(1.0, max(by_steps, by_time))


def learning_rate(base: float, kind: str, share: float, step: int, warmup_steps: int) -> float:
    """Learning rate for the next step.

    ``cosine``: base (1 + cos(pi share)) / 2; ``poly``: base (1 - share)^0.9, nnU-Net's;
    ``constant``: base; ``halving``: halved after two and after four fifths, as every 20 of 50
    epochs. The first ``warmup_steps`` steps rise linearly.

    Example:
        >>> round(learning_rate(0.1, "cosine", 0.5, step=100, warmup_steps=0), 6)
        0.05
        >>> round(learning_rate(0.1, "constant", 0.0, step=0, warmup_steps=10), 6)
        0.01
    """
    shapes = {
        "cosine": (1 + math.cos(math.pi * share)) / 2,
        "poly": (1 - share) ** 0.9,
        "constant": 1.0,
        "halving": 0.5 ** math.floor(2.5 * share),
    }
    if kind not in shapes:
        raise ValueError(f"schedule must be one of {', '.join(shapes)}, got {kind!r}")
    warm = min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0
    return base * warm * shapes[kind]
