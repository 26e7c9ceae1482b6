"""Folds for cross-validation, by subject: cases of one subject never lie on two sides."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segscope.data.files import write_json
from segscope.data.json_files import read_json
from segscope.errors import InputError
from segscope.images import Case


@dataclass(frozen=True)
class Split:
    """Names of the cases that train and of those that validate."""

    train: tuple[str, ...]
    val: tuple[str, ...]


def make_folds(cases: Sequence[Case], *, folds: int = 5, seed: int = 0) -> tuple[Split, ...]:
    """Deal subjects into folds: shuffled by the seed, largest first, to the smallest fold.

    The result depends on names, subjects and seed alone, not on the order of ``cases``. Folds
    differ by at most the largest subject's number of cases.

    Args:
        cases: With unique names.
        folds: How many parts; each validates once.
        seed: Of the shuffling.

    Raises:
        InputError: Fewer than two folds, or more than there are subjects.

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
            f"folds {folds}: between 2 and the number of subjects ({len(groups)}) is possible; "
            "choose fewer folds, or add subjects"
        )
    names = sorted(groups)
    shuffled = [names[k] for k in np.random.default_rng(seed).permutation(len(names))]
    shuffled.sort(key=lambda group: -len(groups[group]))
    held: list[list[str]] = [[] for _ in range(folds)]
    for group in shuffled:
        min(held, key=len).extend(groups[group])
    everyone = sorted(case.name for case in cases)
    parts = [frozenset(val) for val in held]
    return tuple(
        Split(tuple(n for n in everyone if n not in val), tuple(sorted(val))) for val in parts
    )


def nested_subsets(
    cases: Sequence[Case], sizes: Sequence[int], *, seed: int = 0
) -> dict[int, tuple[str, ...]]:
    """Choose subjects for learning curves: every larger subset holds all of the smaller ones.

    Args:
        cases: With unique names.
        sizes: Numbers of subjects.
        seed: Of the order in which subjects are taken.

    Returns:
        Size to the sorted names of all cases of its subjects.

    Raises:
        InputError: A size below one, or more subjects than there are.

    Example:
        >>> cases = [Case(f"{s}{k}", (), subject=s) for s in "abcd" for k in (1, 2)]
        >>> found = nested_subsets(cases, [1, 3])
        >>> len(found[1]), len(found[3]), set(found[1]) < set(found[3])
        (2, 6, True)
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        groups[case.group].append(case.name)
    names = sorted(groups)
    if not sizes or min(sizes) < 1 or max(sizes) > len(names):
        raise InputError(
            f"sizes {list(sizes)}: between 1 and the number of subjects ({len(names)}) is possible"
        )
    order = [names[k] for k in np.random.default_rng(seed).permutation(len(names))]
    return {
        size: tuple(sorted(name for group in order[:size] for name in groups[group]))
        for size in sorted(set(sizes))
    }


def write_splits(path: Path, splits: Sequence[Split]) -> None:
    """Write nnU-Net's ``splits_final.json``, whole or not at all."""
    write_json(path, [{"train": list(s.train), "val": list(s.val)} for s in splits])


def read_splits(path: Path, *, cases: Collection[Case] | None = None) -> tuple[Split, ...]:
    """Read nnU-Net's ``splits_final.json``.

    Args:
        path: The file.
        cases: The dataset's; where given, names that are not among them are refused, and so is a
            fold that trains and validates on one subject.

    Raises:
        InputError: Not such a file, or its folds are not usable: the fold and the names are said.
    """
    splits = _parse(Path(path))
    problems: list[str] = []
    groups = {case.name: case.group for case in cases or ()}
    for number, split in enumerate(splits):
        problems += [f"fold {number} {said}" for said in _faults(split, groups, cases is not None)]
    if len(problems) == 1:
        raise InputError(f"{path}: {problems[0]}")
    if problems:
        raise InputError(f"{path}: {len(problems)} problems:", problems)
    return splits


def _parse(path: Path) -> tuple[Split, ...]:
    values = read_json(path, remedy="write it anew")
    if not (isinstance(values, list) and values and all(_is_fold(value) for value in values)):
        raise InputError(
            f'{path}: is not a list of folds; expected [{{"train": [names], "val": [names]}}, ...]'
        )
    return tuple(Split(tuple(fold["train"]), tuple(fold["val"])) for fold in values)


def _is_fold(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(part), list) and all(isinstance(n, str) for n in value[part])
        for part in ("train", "val")
    )


def _faults(split: Split, groups: Mapping[str, str], checked: bool) -> list[str]:
    found = []
    both = sorted(set(split.train) & set(split.val))
    if both:
        found.append(f"trains and validates on {_some(both)}; leave each in one of the two")
    for part, names in (("train", split.train), ("val", split.val)):
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            found.append(f"names {_some(twice)} twice in {part}; name each once")
    if not split.train:
        found.append("has no case to train on; name some")
    if not split.val:  # nnU-Net's fold "all": there is nothing to choose the best weights by
        found.append("has no case to validate on; move some of train to val")
    if not checked:
        return found
    strange = sorted((set(split.train) | set(split.val)) - set(groups))
    if strange:
        found.append(f"names cases that the dataset does not have: {_some(strange)}; remove them")
    held = {groups[name] for name in split.val if name in groups}
    leaking = sorted({groups[n] for n in split.train if n in groups and n not in both} & held)
    if leaking:
        found.append(
            f"trains and validates on the same subject ({_some(leaking)}); keep a subject's cases "
            "together"
        )
    return found


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
