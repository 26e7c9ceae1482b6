"""Which cases train, choose weights and are tested, and which seed: never one subject twice."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, model_validator

from segscope.data import make_folds, nested_subsets, split_by_groups
from segscope.errors import InputError
from segscope.images import Case
from segscope.training.classify_images import Labelled, split_images

_VALIDATION_SHARE = 5  # one subject in so many of those that train chooses weights instead


class Draw(BaseModel):
    """One draw of cases, by name.

    Args:
        name: Of its folders.
        seed: Of weights, samples and of the draw itself.
        train: Cases that train.
        val: Cases of other subjects that watch the training, and choose weights where an arm
            wants the best ones.
        test: Cases of yet other subjects that are scored, and choose nothing.
        size: How many subjects train, where draws differ in that.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    seed: int
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    size: int | None = None

    @model_validator(mode="after")
    def _apart(self) -> "Draw":
        parts = (self.train, self.val, self.test)
        if not all(parts) or len({n for part in parts for n in part}) < sum(map(len, parts)):
            raise ValueError(f"draw {self.name}: every part needs cases, and no case has two parts")
        return self


def fold_draws(cases: Sequence[Case], *, folds: int, seeds: int) -> tuple[Draw, ...]:
    """Every case is tested once per seed; folds are dealt anew for each seed, by subject.

    Raises:
        InputError: Fewer than three subjects, or more folds than subjects.

    Example:
        >>> cases = [Case(f"c{k}", ()) for k in range(6)]
        >>> [(d.name, len(d.train), len(d.val), len(d.test))
        ...  for d in fold_draws(cases, folds=3, seeds=1)]
        [('seed0_fold0', 3, 1, 2), ('seed0_fold1', 3, 1, 2), ('seed0_fold2', 3, 1, 2)]
    """
    if seeds < 1:
        raise InputError(f"--seeds {seeds}: at least one is needed")
    draws = []
    for seed in range(seeds):
        for number, split in enumerate(make_folds(cases, folds=folds, seed=seed)):
            name = f"seed{seed}_fold{number}"
            draws.append(drawn(name, cases, split.train, split.val, seed))
    return tuple(draws)


def class_draws(images: Labelled, *, folds: int, seeds: int) -> tuple[Draw, ...]:
    """Every image is tested once per seed; folds are by subject, with equal shares of classes.

    Raises:
        InputError: Too few subjects of a class.
    """
    draws = []
    for seed in range(seeds):
        for fold in range(folds):
            rest, test = split_images(images, 1 / folds, seed, fold)
            train, val = split_images(images.part(rest), 1 / _VALIDATION_SHARE, seed)
            draws.append(Draw(name=f"seed{seed}_fold{fold}", seed=seed, train=tuple(train),
                              val=tuple(val), test=tuple(test)))  # fmt: skip
    return tuple(draws)


def group_draws(
    folder: Path, cases: Sequence[Case], *, train_on: str, test_on: str, seeds: int
) -> tuple[Draw, ...]:
    """Train on some centres or scanners and test on others, by a column of ``cases.csv``."""
    split = split_by_groups(folder, cases, train_on, test_on)
    return tuple(drawn(f"seed{k}", cases, split.train, split.val, k) for k in range(seeds))


@dataclass(frozen=True)
class Subsets:
    """Draws of learning curves.

    Args:
        draws: Of every seed and size.
        aside: Of what comes before them, tested on the same cases; it trains on subjects that are
            kept aside, or on all that learning curves draw from where there are none.
    """

    draws: tuple[Draw, ...]
    aside: Draw


def subset_draws(
    cases: Sequence[Case], *, sizes: Sequence[int], test: int, val: int, seeds: int, aside: int = 0
) -> Subsets:
    """Learning curves: nested training subjects by size; the same test and validation subjects.

    Args:
        cases: Labelled.
        sizes: Numbers of training subjects.
        test: Subjects that are only ever tested.
        val: Subjects that choose weights.
        seeds: How often subsets are drawn, and weights.
        aside: Subjects that learning curves never draw, for steps before them.

    Raises:
        InputError: Too few subjects.

    Example:
        >>> cases = [Case(f"c{k}", ()) for k in range(8)]
        >>> found = subset_draws(cases, sizes=(1, 3), test=2, val=1, seeds=1, aside=2)
        >>> [(d.name, len(d.train), len(d.val), len(d.test)) for d in (found.aside, *found.draws)]
        [('aside', 2, 1, 2), ('n01_seed0', 1, 1, 2), ('n03_seed0', 3, 1, 2)]
    """
    subjects = {case.group for case in cases}
    if min(test, val, seeds) < 1 or test + val + aside + max(sizes, default=1) > len(subjects):
        raise InputError(
            f"{len(subjects)} subjects are too few for {test} to test, {val} to choose weights, "
            f"{aside} kept aside and {max(sizes, default=1)} to train; ask for fewer"
        )
    taken = nested_subsets(cases, [test, test + val, test + val + aside], seed=0)
    tested, chosen = set(taken[test]), set(taken[test + val])
    used = set(taken[test + val + aside])
    pool = [case for case in cases if case.name not in used]
    whole = Draw(
        name="aside",
        seed=0,
        train=tuple(sorted(used - chosen or {case.name for case in pool})),
        val=tuple(sorted(chosen - tested)),
        test=tuple(sorted(tested)),
    )
    draws = [
        Draw(
            name=f"n{size:02d}_seed{seed}", seed=seed, train=names, val=whole.val,
            test=whole.test, size=size,
        )
        for seed in range(seeds)
        for size, names in nested_subsets(pool, list(sizes), seed=seed).items()
    ]  # fmt: skip
    return Subsets(tuple(draws), whole)


def drawn(
    name: str, cases: Sequence[Case], learn: Collection[str], test: Collection[str], seed: int
) -> Draw:
    """Make a draw: a fifth of the learning subjects is kept back to choose weights, one at least.

    Raises:
        InputError: A single subject would learn.
    """
    learning = [case for case in cases if case.name in set(learn)]
    subjects = {case.group for case in learning}
    if len(subjects) < 2:
        raise InputError(
            f"{len(subjects)} subject would train: two are needed, one of which chooses weights; "
            "ask for more folds, or add subjects"
        )
    kept = make_folds(learning, folds=min(len(subjects), _VALIDATION_SHARE), seed=seed)[0]
    return Draw(
        name=name, seed=seed, train=tuple(sorted(kept.train)), val=tuple(sorted(kept.val)),
        test=tuple(sorted(test)),
    )  # fmt: skip
