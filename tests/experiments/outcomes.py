"""What an experiment found, from scores that are written down here."""

from segscope.experiments import Arm, Draw, Experiment, Outcome, Trial

SUBJECTS = "stuvwxyz"


def outcome(*, lost=""):
    """Two seeds of two sizes; "both" is 0.1 better with one subject, and equal with two."""
    draws = [
        Draw(name=f"n{n}_seed{seed}", seed=seed, train=("a", "b")[:n], val=("v0",),
             test=tuple(SUBJECTS), size=n)
        for seed in (0, 1) for n in (1, 2)
    ]  # fmt: skip
    arms = (Arm(name="image"), Arm(name="both"))
    asked = Experiment(dataset="d", content="c", arms=arms, draws=tuple(draws), reference="image",
                       metrics=("dice",))  # fmt: skip
    trials = [Trial(arm, draw, {}, "d", "c") for draw in draws for arm in arms]
    rows = [
        {"arm": t.arm.name, "draw": t.draw.name, "case": s, "subject": s, "label": "l",
         "dice": 0.5 + k / 100 + t.draw.seed / 5 + (t.arm.name == "both" and t.draw.size == 1) / 10}
        for t in trials for k, s in enumerate(SUBJECTS) if t.draw.name != lost
    ]  # fmt: skip
    return Outcome(asked, tuple(rows), {}, (), tuple(trials))
