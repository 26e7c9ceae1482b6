"""Cases prepared ahead of trainings, in a folder that these share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segscope.workflows.options import FileOptions, to_log
from segscope.workflows.train import TrainOptions, plan


@dataclass(frozen=True, kw_only=True)
class PrepareOptions(FileOptions):
    """What cases are prepared for.

    Args:
        recipe: A preset, or a YAML file, whole or in part.
        settings: Values of the recipe: ``["train.epochs=50"]`` or ``{"train.epochs": 50}``.
    """

    recipe: str | None = None
    settings: Mapping[str, Any] | tuple[str, ...] = ()


@dataclass(frozen=True)
class PreparedCases:
    """Cases that lie in a cache.

    Args:
        cache: The folder.
        cases: Their names.
        plan: How they were prepared, in a sentence each.
    """

    cache: Path
    cases: tuple[str, ...]
    plan: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"cache": str(self.cache), "cases": list(self.cases), "plan": list(self.plan)}


def prepare(
    dataset: Path,
    cache: Path,
    options: PrepareOptions | None = None,
    *,
    say: Callable[[str], None] = to_log,
) -> PreparedCases:
    """Plan a training and prepare all its cases, which trainings with ``cache`` then take.

    What is there already (same files, same plan) is not made again.

    Args:
        dataset: nnU-Net v2 raw folder.
        cache: Folder of prepared cases, made where it is missing.
        options: The defaults where not given.
        say: Receives a line on the dataset or the plan.

    Raises:
        InputError: Options, dataset or folder are not usable; a case is refused; the recipe shows
            its network masks, which are made by each run.
    """
    chosen = options or PrepareOptions()
    how = TrainOptions(cache=cache, **vars(chosen))
    planned = plan(dataset, cache / "planned", how, say=say)

    from segscope.data import Cache
    from segscope.errors import InputError
    from segscope.preprocessing import describe_plan
    from segscope.progress import track
    from segscope.training import labelled
    from segscope.training.prepared import prepare_case

    if planned.recipe.mask is not None:
        raise InputError(
            "prepare: this recipe shows its network masks, which each run makes of its own "
            "training cases; leave mask out, or train without preparing"
        )
    store, cases = Cache(cache), labelled(planned.dataset)
    for case in track(cases, "preparing"):
        prepare_case(case, planned.dataset, planned.recipe.preprocessing, store)
    said = describe_plan(planned.recipe.preprocessing)
    return PreparedCases(cache, tuple(case.name for case in cases), tuple(said))
