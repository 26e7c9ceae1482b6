"""Pruning: the smallest level of a nested network that is good enough, as a run of its own."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from segscope.errors import InputError
from segscope.paths import is_there
from segscope.workflows.arguments import check_device, check_folder, check_level
from segscope.workflows.options import Options

if TYPE_CHECKING:
    from segscope.inference import Pruned


@dataclass(frozen=True, kw_only=True)
class PruneOptions(Options):
    """How a level is chosen.

    Args:
        level: ``auto``, or ``L1`` to ``L4``.
        max_dice_loss: Of ``auto``, from the best level.
        dataset: Where the run's dataset is now, if it moved.
        device: To measure on.
    """

    level: str = "auto"
    max_dice_loss: float = 0.01
    dataset: Path | None = None
    device: str = "cpu"


def prune(run: Path, output: Path, options: PruneOptions | None = None) -> "Pruned":
    """Measure every level on the run's validation cases; write one as a run of its own.

    Args:
        run: Of an ANU-Net or UNet++.
        output: Folder of the pruned run, new; also receives ``prune.json, .csv, .png``.
        options: The defaults where not given.

    Raises:
        InputError: No such run or dataset; the network has no levels.
    """
    chosen = options or PruneOptions()
    if not is_there(run / "split.json"):
        raise InputError(f"{run}: holds no split.json; is it a run of segscope?")
    if chosen.level != "auto":
        check_level(chosen.level)
    check_folder(chosen.dataset, "--dataset")
    check_device(chosen.device)

    from segscope.data import open_dataset, write_bytes
    from segscope.inference import parse_level, prune_run, read_spec
    from segscope.report.figures import pruning_figure
    from segscope.training import read_recipe, read_split, reading_of, validation_cases
    from segscope.workflows.masks import mask_run

    source = chosen.dataset or Path(read_split(run)["dataset"])
    if chosen.dataset is None and not source.is_dir():
        raise InputError(f"{source}: the dataset of this run is gone; say where with --dataset")
    opened = open_dataset(source, reading=reading_of(run))
    if read_spec(run).mask is not None:
        opened = mask_run(opened, read_recipe(run / "recipe.yaml"), run, resume=True)
    result = prune_run(
        run,
        output,
        cases=validation_cases(run, opened),
        reading=opened.reading,
        level=None if chosen.level == "auto" else parse_level(chosen.level),
        max_dice_loss=chosen.max_dice_loss,
        device=chosen.device,
    )
    write_bytes(output / "prune.png", pruning_figure(result.rows))
    return result
