"""The ANU-Net paper's question on any dataset: six networks on the same draws, with one budget.

What the paper shows and what is made here:

    Tables 2-5    Dice, IoU, precision, recall of six networks      `studies.anunet_page`
    Table 6       the pruned networks L1 to L4                       `studies.anunet_levels`
    Figs. 8-11    contours of ANU-Net and a peer beside the expert's `studies.anunet_page`
    Fig. 12       attention coefficients over epochs                 `audit.attention`
    Fig. 13       parameters, time and Dice of the pruned networks   `studies.anunet_page`

Arms are networks, draws are folds and seeds. All networks of a draw see the same samples in the
same order and are used with their last weights; test cases choose nothing.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from segscope.data import Dataset
from segscope.errors import InputError
from segscope.experiments import Arm, Outcome, Paper
from segscope.studies.anunet_attention import draw_attention
from segscope.studies.anunet_levels import MAIN, measure_all_levels
from segscope.studies.anunet_page import NETWORKS, sections
from segscope.studies.declared import Asked, arm_of, read_budgets, run_declared
from segscope.studies.paper_setup import setup_section
from segscope.training import load_partial
from segscope.training.recipe import merge

_SETUP = partial(setup_section, "anunet")

METRICS = ("dice", "iou", "precision", "recall")

BUDGETS = read_budgets("anunet")


def run_study(
    dataset: Dataset,
    folder: Path,
    asked: Asked | None = None,
    *,
    networks: Sequence[str] = tuple(NETWORKS),
) -> Outcome:
    """Train every network on every draw, score all and write the page.

    Args:
        dataset: With labelled training cases.
        folder: Of the experiment; receives ``study.json`` and ``report.html``.
        asked: Budget, settings, folds (six are the paper's split of 5:1), seeds, jobs.
        networks: Which to compare.

    Raises:
        InputError: Unknown names; the folder holds a study of the old form.
        WorkError: Some trials failed; the others are kept.
    """
    asked = asked or Asked(folds=6)
    unknown = [name for name in networks if name not in NETWORKS]
    if unknown or not networks:
        raise InputError(f"networks {unknown}: expected some of {', '.join(NETWORKS)}")
    return run_declared(
        dataset,
        folder,
        [_arm(name, asked) for name in networks],
        asked,
        metrics=METRICS,
        reference=MAIN if MAIN in networks else networks[0],
        paper=Paper("ANU-Net and its peers", sections, partial(_measure, asked=asked), _SETUP),
    )


def _arm(name: str, asked: Asked) -> Arm:
    """Of ANU-Net also some epochs' weights are kept, for its attention over time."""
    arm = arm_of(name, load_partial(name), BUDGETS, asked)
    if name != MAIN:
        return arm
    kept = {"train": {"snapshots": _snapshot_epochs(int(arm.recipe["train"]["epochs"]))}}
    return arm.model_copy(update={"recipe": merge(arm.recipe, kept)})


def _snapshot_epochs(epochs: int) -> list[int]:
    """Up to five epochs, denser at the beginning, where attention moves most."""
    return sorted({max(1, round(epochs * share)) for share in (0.02, 0.1, 0.25, 0.5, 1.0)})


def _measure(outcome: Outcome, dataset: Dataset, folder: Path, *, asked: Asked) -> None:
    measure_all_levels(outcome, dataset, folder, jobs=asked.jobs, ray=asked.ray)
    draw_attention(outcome, dataset, folder)
