"""The segmentation-ability paper on any dataset: offline against online, quality, noise.

What the paper shows and what is made here:

    Fig. 5, Table 1    SA of every layer, Dice of output and last map, offline and online
    Figs. 6-9, 13      maps of layers, units, heat-maps                 (the audits' pictures)
    Figs. 10-12, Table 2   mu and VoG against Dice, coverage            (the audits' figures)
    Table 3, Fig. 15   separableness                   `audit.sensitivity`
    Fig. 16            SA with noise less SA without   `audit.sensitivity`

Arms are U-Nets without and with the online loss, and with the one whose guide teaches nothing (a
control: `studies.protoseg_controls`); draws are folds and seeds. Every trial is audited
on its test cases. Networks are used with their last weights; test cases choose nothing.
"""

from functools import partial
from pathlib import Path
from typing import Any

from segscope.data import Dataset
from segscope.experiments import Arm, Outcome, Paper
from segscope.studies.declared import Asked, arm_of, read_budgets, run_declared
from segscope.studies.paper_setup import setup_section
from segscope.studies.protoseg_measures import ARMS, DETACHED, measure_trials
from segscope.studies.protoseg_page import sections
from segscope.training import load_partial
from segscope.training.recipe import merge

METRICS = ("dice", "hd95_mm")

BUDGETS = read_budgets("protoseg")


def run_study(
    dataset: Dataset, folder: Path, asked: Asked | None = None, *, controls: bool = False
) -> Outcome:
    """Train with and without the online loss on every draw, audit all and write the page.

    Args:
        dataset: With labelled cases.
        folder: Of the experiment; receives ``study.json`` and ``report.html``.
        asked: Budget, settings, folds, seeds and where the trials are done.
        controls: Also train with the online loss whose guide is detached.

    Raises:
        InputError: The folder holds a study of the old form; something cannot be read or planned.
        WorkError: Some trials or audits failed; the others are kept.
    """
    asked = asked or Asked()
    arms = [_arm(name, asked) for name in (*ARMS, *([DETACHED] if controls else []))]
    setup = partial(setup_section, "protoseg")
    paper = Paper("Segmentation ability", sections, partial(_measure, asked=asked), setup)
    return run_declared(
        dataset, folder, arms, asked, metrics=METRICS, reference=ARMS[0], paper=paper
    )


def _arm(name: str, asked: Asked) -> Arm:
    arm = arm_of(name, load_partial("protoseg"), BUDGETS, asked)
    loss: dict[str, Any] = {"prototype": 0.0 if name == "offline" else 1.0}  # what is compared
    if name == DETACHED:
        loss["prototype_detach_guide"] = True
    return arm.model_copy(update={"recipe": merge(arm.recipe, {"loss": loss})})


def _measure(outcome: Outcome, dataset: Dataset, folder: Path, *, asked: Asked) -> None:
    measure_trials(outcome, dataset, folder, jobs=asked.jobs, ray=asked.ray)
