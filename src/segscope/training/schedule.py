"""The learning rate as a function of how much of the training is over.

Progress is the larger of two shares: steps done of steps planned, and time spent of time allowed.
So a training that is given fifteen minutes ends with a learning rate that has come down, however
many steps the machine manages. The time is that from the first step to the last one: what is needed
before and after them is no part of it.
"""

import math


def progress_share(
    step: int, total_steps: int, *, elapsed_s: float, begun_s: float, end_s: float
) -> float:
    """Share of the training that is over, in [0, 1].

    Args:
        step: Steps that were made.
        total_steps: That are planned at most.
        elapsed_s: Seconds by the clock.
        begun_s: What it said before the first step.
        end_s: What it will say after the last one; infinite where time does not matter.

    Example:
        >>> progress_share(10, 100, elapsed_s=30.0, begun_s=10.0, end_s=50.0)
        0.5
        >>> progress_share(10, 100, elapsed_s=30.0, begun_s=10.0, end_s=math.inf)
        0.1
    """
    by_steps = step / total_steps
    # where no time is left the one step that is made is made at the full rate
    by_time = (elapsed_s - begun_s) / (end_s - begun_s) if end_s > begun_s else 0.0
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
