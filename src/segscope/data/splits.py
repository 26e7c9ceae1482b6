"""Folds for cross-validation, by subject: cases of one subject never lie on two sides."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segscope.data.files import write_json
from segscope.errors import InputError
from segscope.images import Case


@dataclass(frozen=True)
class Split:
    """Names of the cases that train and of those that validate."""

    train: tuple[str, ...]
    val: tuple[str, ...]


def make_folds(cases: Sequence[Case], *, folds: int = 5, seed: int = 0) -> tuple[Split, ...]:
    """Deal subjects into folds: shuffled by the seed, largest first, to the smallest fold.

    The result depends on names, subjects and seed alone, not on the order of ``cases``.

    Example:
        >>> cases = [Case(f"{s}{k}", (), subject=s) for s in "abc" for k in (1, 2)]
        >>> splits = make_folds(cases, folds=3)
        >>> [len(split.val) for split in splits]
        [2, 2, 2]
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for case in sorted(cases, key=lambda c: c.name):
        groups[case.group].append(case.name)
    if folds < 2 or folds > len(groups):
        raise InputError(
            f"--folds {folds}: between 2 and the number of subjects ({len(groups)}) is possible"
        )
    names = sorted(groups)
    shuffled = [names[k] for k in np.random.default_rng(seed).permutation(len(names))]
    shuffled.sort(key=lambda group: -len(groups[group]))
    held: list[list[str]] = [[] for _ in range(folds)]
    for group in shuffled:
        min(held, key=len).extend(groups[group])
    everyone = sorted(case.name for case in cases)
    return tuple(
        Split(tuple(n for n in everyone if n not in set(val)), tuple(sorted(val))) for val in held
    )


def write_splits(path: Path, splits: Sequence[Split]) -> None:
    """Write nnU-Net's ``splits_final.json``."""
    write_json(path, [{"train": list(s.train), "val": list(s.val)} for s in splits])


def read_splits(path: Path) -> tuple[Split, ...]:
    """Read nnU-Net's ``splits_final.json``."""
    try:
        values = json.loads(path.read_text("utf-8"))
        splits = tuple(Split(tuple(s["train"]), tuple(s["val"])) for s in values)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is not a list of folds with train and val ({error!r})") from None
    for number, split in enumerate(splits):
        both = sorted(set(split.train) & set(split.val))
        if both:
            raise InputError(f"{path}: fold {number} trains and validates on {both[:3]}")
    return splits
