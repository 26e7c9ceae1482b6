"""Which cases may be accepted so that few of them are bad: a promise with a stated confidence."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from segscope.errors import InputError


@dataclass(frozen=True)
class Promise:
    """What the user asks for.

    Args:
        good: A case of at least this Dice is good.
        risk: Largest share of accepted cases that may be bad.
        confidence: With which this shall hold.

    Raises:
        InputError: A number that is not between 0 and 1.
    """

    good: float = 0.7
    risk: float = 0.1
    confidence: float = 0.9

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 < value < 1:
                raise InputError(f"--{name} {value:g}: must lie between 0 and 1; name such a share")

    @property
    def fewest(self) -> int:
        """Accepted cases that are needed, if all of them are good."""
        return math.ceil(math.log(1 - self.confidence) / math.log(1 - self.risk) - 1e-9)


@dataclass(frozen=True)
class Guarantee:
    """A threshold of the predicted Dice above which cases are accepted; or why there is none.

    Args:
        threshold: Accept what is above; None where nothing can be promised.
        known: Known cases that were looked at, one per subject.
        accepted: Of these, how many lie above the threshold.
        bad: Of these, how many are bad.
        why_not: What is missing.
    """

    threshold: float | None
    known: int
    accepted: int = 0
    bad: int = 0
    why_not: str = ""

    def describe(self, promise: Promise) -> str:
        """Say it in a sentence, with its condition."""
        if self.threshold is None:
            return f"nothing can be promised: {self.why_not}"
        return (
            f"of accepted cases (predicted Dice above {self.threshold:.3f}) at most "
            f"{100 * promise.risk:g} % have a Dice below {promise.good:g}, with "
            f"{100 * promise.confidence:g} % confidence, for cases like the {self.known} that this "
            f"was learned from ({self.bad} of the {self.accepted} accepted ones were bad)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; a threshold that accepts all is None with ``all``."""
        facts = asdict(self)
        everything = self.threshold == -math.inf
        return facts | {"threshold": None if everything else self.threshold, "all": everything}


def upper_bound(bad: int, of: int, confidence: float) -> float:
    """Clopper and Pearson's upper bound of a share, one-sided.

    Example:
        >>> round(upper_bound(0, 22, 0.9), 4)  # 1 - 0.1 ** (1 / 22)
        0.0994
    """
    from scipy.stats import beta

    return 1.0 if bad >= of else float(beta.ppf(confidence, bad + 1, of - bad))


def find_guarantee(
    predicted: Sequence[float], dice: Sequence[float], promise: Promise
) -> Guarantee:
    """Find the lowest threshold that can be promised (Learn-then-Test, arXiv:2110.01052).

    Thresholds are tested in a fixed order, from the fewest cases that could prove the promise to
    all; each by the bound of Clopper and Pearson at the full confidence, and the first that fails
    ends it. A threshold is the prediction of the best known case that is not accepted, so that the
    accepted ones are drawn as new accepted ones are.

    Args:
        predicted: Dice that was predicted of known cases without their help, one per subject.
        dice: Their true Dice.
        promise: What is asked for.

    Example:
        >>> p = [k / 30 for k in range(30)]
        >>> find_guarantee(p, [0.9] * 30, Promise()).accepted
        30
        >>> find_guarantee(p[:10], [0.9] * 10, Promise()).why_not
        'not enough cases: with 10 none can be accepted, 22 right ones are needed to say so'
    """
    p, good = np.asarray(predicted, np.float64), np.asarray(dice, np.float64) >= promise.good
    order = np.argsort(-p, kind="stable")
    bad = np.concatenate([[0], np.cumsum(~good[order])])
    n, fewest = len(p), promise.fewest
    if n < fewest:
        why = f"not enough cases: with {n} none can be accepted, {fewest} right ones are needed"
        return Guarantee(None, n, why_not=f"{why} to say so")
    found = None
    for count in range(fewest, n + 1):
        limit = -math.inf if count == n else float(p[order[count]])
        if count < n and p[order[count - 1]] == limit:
            continue  # equal predictions are accepted together
        if upper_bound(int(bad[count]), count, promise.confidence) > promise.risk:
            break
        found = Guarantee(limit, n, count, int(bad[count]))
    if found is None:
        wrong = int(bad[fewest])
        why = (
            f"not enough cases: with {n} at least {fewest} must be right to say so, and of the "
            f"{fewest} that are predicted best {wrong} are not"
        )
        return Guarantee(None, n, fewest, wrong, why)
    return found
