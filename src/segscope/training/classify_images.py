"""Images of known class, and their split by group."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segscope.data import Dataset, read_column
from segscope.errors import InputError
from segscope.images import Case


@dataclass(frozen=True)
class Labelled:
    """Images of known class.

    Args:
        cases: In order.
        truth: Class number of each.
        classes: Names.
    """

    cases: tuple[Case, ...]
    truth: tuple[int, ...]
    classes: tuple[str, ...]

    def part(self, names: Sequence[str]) -> "Labelled":
        """Take some, in the order of ``names``."""
        places = {case.name: k for k, case in enumerate(self.cases)}
        chosen = [places[name] for name in names]
        cases = tuple(self.cases[k] for k in chosen)
        return Labelled(cases, tuple(self.truth[k] for k in chosen), self.classes)

    def of_class(self, name: str) -> "Labelled":
        """Take those of one class, in their order."""
        number = self.classes.index(name)
        pairs = zip(self.cases, self.truth, strict=True)
        return self.part([case.name for case, truth in pairs if truth == number])


def labelled_images(dataset: Dataset, column: str) -> Labelled:
    """Read the class of every training case.

    Raises:
        InputError: No such column; a case has no class; fewer than two classes, or images of one.
    """
    named = read_column(dataset.folder, column)
    cases = dataset.training
    missing = [case.name for case in cases if not named.get(case.name)]
    if missing:
        raise InputError(
            f"{dataset.folder / 'cases.csv'}: column {column} is empty for {missing[0]}"
            f"{f' and {len(missing) - 1} more' if len(missing) > 1 else ''}"
        )
    counts = Counter(named[case.name] for case in cases)
    few = [name for name, count in counts.items() if count < 2]
    if len(counts) < 2 or few:
        said = ", ".join(f"{name}: {count}" for name, count in sorted(counts.items()))
        raise InputError(
            f"{dataset.folder}: column {column} must have two classes or more with two images or "
            f"more each, got {said}"
        )
    # "normal" first where there is one: the other of two is what is looked for
    classes = tuple(sorted(counts, key=lambda name: (name != "normal", name)))
    return Labelled(cases, tuple(classes.index(named[case.name]) for case in cases), classes)


def split_images(
    images: Labelled, share: float, seed: int, fold: int = 0
) -> tuple[list[str], list[str]]:
    """Split into names that train and that validate: by group, with equal shares of classes.

    Over all folds, of which there are ``1 / share``, each image validates once.

    Raises:
        InputError: Too few groups to hold some out of every class.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    order = sorted(range(len(images.cases)), key=lambda k: images.cases[k].name)
    groups = [images.cases[k].group for k in order]
    truth = np.array([images.truth[k] for k in order])
    parts = max(2, round(1 / share))
    folds = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    few = min(len(set(groups)), int(np.bincount(truth).max()))
    if few < parts:
        raise InputError(f"{few} groups are too few to hold out one in {parts}")
    train, val = list(folds.split(np.zeros(len(order)), truth, groups))[fold]
    every = set(images.truth)
    if {*truth[train]} != every or {*truth[val]} != every:
        raise InputError(
            "a class has too few groups to be on both sides of the split; choose another val_share "
            "or seed, or add images"
        )
    names = [images.cases[k].name for k in order]
    return [names[k] for k in train], [names[k] for k in val]
