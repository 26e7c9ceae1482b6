"""What a trial is given when it is done: where it writes, its cases, and what came before it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from segscope.data import Dataset
from segscope.errors import InputError
from segscope.experiments.draw import Draw
from segscope.training import Recipe
from segscope.workflows.masks import mask_training

_AFTER = "after:"


@dataclass(frozen=True)
class Task:
    """A trial that is being done.

    Args:
        root: Its folder.
        dataset: Wherever it lies now.
        draw: Its cases and seed.
        options: Of its arm.
        after: Step to the folder of that trial, which is done.
        cache: Folder that all trials share for prepared cases.
    """

    root: Path
    dataset: Dataset
    draw: Draw
    options: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Path] = field(default_factory=dict)
    cache: Path | None = None

    def placed(self, text: str) -> str:
        """Put the folder of a step in for ``after:STEP/path``; other texts stay.

        Raises:
            InputError: The trial does not come after such a step.

        Example:
            >>> draw = Draw(name="d", seed=0, train=("a",), val=("b",), test=("c",))
            >>> task = Task(Path("t"), None, draw, after={"coarse": Path("trials/c")})
            >>> task.placed("after:coarse/run"), task.placed("otsu")
            ('trials/c/run', 'otsu')
        """
        if not text.startswith(_AFTER):
            return text
        name, _, rest = text.removeprefix(_AFTER).partition("/")
        if name not in self.after:
            known = ", ".join(self.after) or "none"
            raise InputError(f"{text}: no step that this trial comes after; there are: {known}")
        return str(self.after[name] / rest)


def call_work(work: str, task: Task) -> dict[str, Any]:
    """Do an arm's own work; what it returns is the trial's result.

    Raises:
        InputError: The package has no such function.
    """
    module, _, name = work.partition(":")
    try:
        function = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"{task.root}: {work} is not to be had in this version ({error})"
        ) from None
    found: dict[str, Any] = function(task)
    return {"rows": [], **found}


def shown_dataset(task: Task, recipe: Recipe) -> Dataset:
    """The dataset as the trial's network is shown it: with masks, where its recipe has them."""
    if recipe.mask is None:
        return task.dataset
    values = {
        name: task.placed(value)
        for name in ("run", "folder", "template")
        if (value := getattr(recipe.mask, name)) is not None
    }
    placed = recipe.model_copy(update={"mask": recipe.mask.model_copy(update=values)})
    draw = task.draw
    others = (*draw.val, *draw.test)
    return mask_training(task.dataset, placed, task.root / "run", train=draw.train, others=others)
