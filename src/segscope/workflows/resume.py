"""A training that is asked for again: begun where nothing stands, gone on with where it does."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from segscope.data import Dataset, ReadOptions, Split
    from segscope.workflows.classify import TrainClassifierOptions
    from segscope.workflows.train import TrainOptions


Chosen = TypeVar("Chosen", "TrainOptions", "TrainClassifierOptions")


def as_it_stands(options: Chosen, output: Path, say: Callable[[str], None]) -> Chosen:
    """Begin a run that was to go on where its folder holds none yet."""
    if not options.resume:
        return options

    from segscope.training import holds_nothing

    if not holds_nothing(output):
        return options
    say(f"{output}: holds no run yet, which is begun")
    return replace(options, resume=False)


def check_same_cases(
    dataset: "Dataset",
    output: Path,
    *,
    fold: int | None,
    folds: int | None,
    split: "Split | None",
    asked: "ReadOptions",
) -> None:
    """Refuse other cases, or cases read in another way, than those that a run was begun with.

    Args:
        dataset: With its own folds, or none.
        output: The run.
        fold: Asked for; None where it was not named.
        folds: The same.
        split: By ``--train-on`` and ``--test-on``.
        asked: How files shall be read; what was not named is not compared.

    Raises:
        InputError: All that differs.
    """
    from segscope.training import read_split, reading_of, refuse_others

    facts, known = read_split(output), reading_of(output)
    lines = []
    if split is not None:
        same = [sorted(facts.get("train") or ()), sorted(facts["val"])] == [
            sorted(split.train), sorted(split.val)
        ]  # fmt: skip
        lines += [] if same else ["--train-on, --test-on: choose other cases than the run has"]
    elif (dataset.folder / "splits_final.json").is_file():
        folds = None  # the dataset's own
    for name, wanted in (("fold", fold), ("folds", folds)):
        if split is None and wanted is not None and wanted != facts.get(name):
            lines.append(f"--{name}: the run has {facts.get(name)}, asked for is {wanted}")
    for name in ("replace_nonfinite", "resample_shear", "resample_labels"):
        found, wanted = getattr(known, name), getattr(asked, name)
        if wanted is not None and wanted is not False and wanted != found:
            option = f"--{name.replace('_', '-')}"
            lines.append(f"{option}: the run has {found}, asked for is {wanted}")
    refuse_others(output, lines)
