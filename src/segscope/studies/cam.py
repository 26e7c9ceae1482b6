"""The classifier-map paper's question on any dataset with masks: what do a classifier's maps cut?

What the paper shows and what is made here:

    Table I           accuracy, averaged mean-Dice of maps         `studies.cam_page`
    Table II, Fig. 8  learning again from what maps or masks keep  `studies.cam_page`
    Figs. 7, 9, 10    maps and filtered regions                    `studies.cam_pictures`
    experiment 3      a U-Net that learns from maps                `studies.cam_tables`
    beyond            six ways to make maps; maps and SA scores    `studies.cam_tables`
                      of layers

Regions are cut out once. Arms are classifiers, and a U-Net that learns true masks; draws are folds
and seeds of regions, by subject. All that follows from one classifier on one draw (maps, filtered
regions, trainings on these, weak labels) is one trial, done by the experiments' queue.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segscope.data import Dataset, open_dataset
from segscope.errors import InputError
from segscope.experiments import class_draws, content_of
from segscope.jobs import run_jobs
from segscope.networks import CLASSIFIERS, check_classifier
from segscope.studies.cam_job import await_trial, run_trial
from segscope.studies.cam_outcome import Outcome, collect, is_done
from segscope.studies.cam_page import write_page
from segscope.studies.cam_trials import (
    SUPERVISED,
    CamTrial,
    cut_regions,
    write_trials,
)
from segscope.studies.declared import Asked, read_budgets
from segscope.training.classify_images import labelled_images
from segscope.training.classify_recipe import ClassifyRecipe, classify_recipe
from segscope.training.recipe import merge
from segscope.workflows.rois import RoiOptions

BUDGETS = read_budgets("cam")


def run_study(
    dataset: Dataset,
    folder: Path,
    asked: Asked | None = None,
    *,
    unet: Mapping[str, Any] | None = None,
    networks: Sequence[str] = tuple(CLASSIFIERS),
    rois: RoiOptions | None = None,
) -> Outcome:
    """Cut regions, do every classifier on every draw with all that follows, and write the page.

    Args:
        dataset: With masks.
        folder: Receives ``rois/``, ``trials/``, ``trials.json``, ``study.json`` and
            ``report.html``.
        asked: Budget, values of the classifiers' recipe, folds, seeds, where trials are done.
        unet: Values of the segmentation networks' recipe.
        networks: Classifiers by name.
        rois: How regions are cut.

    Raises:
        InputError: Unknown options; no regions; the folder holds a study of the old form.
        WorkError: Some trials failed; the others are kept, and the page is written from them.
    """
    asked = asked or Asked()
    if (folder / "runs").is_dir():
        raise InputError(
            f"{folder}: holds a study of an older version, whose runs were averaged otherwise; "
            "name a new folder"
        )
    if asked.page_only:
        return _page_again(dataset, folder)
    recipes = _recipes(networks, asked)
    changes = merge(BUDGETS[asked.budget]["unet"], unet or {})
    regions = cut_regions(dataset, folder, rois or RoiOptions())
    images = labelled_images(open_dataset(folder / regions), "class")
    trials: list[CamTrial] = []
    for draw in class_draws(images, folds=asked.folds, seeds=asked.seeds):
        for name, recipe in recipes.items():
            own = recipe.model_copy(update={"seed": draw.seed})
            trials.append(CamTrial(name, draw, regions, own, changes))
        trials.append(CamTrial(SUPERVISED, draw, regions, None, changes))
    facts = {
        "dataset": dataset.name,
        "content": content_of(dataset),
        "regions": regions,
        "budget": asked.budget,
        "settings": {
            "classifiers": merge(BUDGETS[asked.budget]["classifier"], asked.settings),
            "U-Nets": changes,
        },
    }
    write_trials(folder, facts, trials)
    here = str(folder.resolve())
    try:
        # the second time there is something to do where others, or what was lost, held a trial
        for work in (run_trial, await_trial):
            todo = [(here, t.place) for t in trials if not is_done(folder / t.place)]
            if todo:
                run_jobs(work, todo, jobs=asked.jobs, ray=asked.ray)
    finally:
        outcome = collect(folder)
        if outcome.networks:
            write_page(outcome, folder)
    return outcome


def _page_again(dataset: Dataset, folder: Path) -> Outcome:
    """Make tables and page from the results and pictures that are there; nothing is trained."""
    outcome = collect(folder)
    if content_of(dataset) != outcome.content:
        raise InputError(
            f"{dataset.folder}: is not the dataset of {folder}, or its files have changed; name "
            "the one that the study was begun with"
        )
    if not outcome.networks:
        raise InputError(f"{folder}: none of its trials with a classifier is done")
    write_page(outcome, folder)
    return outcome


def _recipes(networks: Sequence[str], asked: Asked) -> dict[str, ClassifyRecipe]:
    """Check all that was asked before regions are cut and others are trained."""
    if asked.budget not in BUDGETS:
        raise InputError(f"--budget {asked.budget}: expected one of {', '.join(BUDGETS)}")
    if not networks:
        raise InputError("--networks: name one or more")
    for name in networks:
        try:
            check_classifier(name)
        except ValueError as error:
            raise InputError(f"--networks {name}: {error}") from None
    shared = merge(BUDGETS[asked.budget]["classifier"], asked.settings)
    return {name: classify_recipe({**shared, "network": name}) for name in networks}
