"""The classifier-map paper's question on any dataset with masks: what do a classifier's maps cut?

What the paper shows and what is made here:

    Table I           accuracy, averaged mean-Dice of maps         `studies.cam_page`
    Table II, Fig. 8  learning again from what maps or masks keep  `studies.cam_page`
    Figs. 7, 9, 10    maps and filtered regions                    `studies.cam_pictures`
    experiment 3      a U-Net that learns from maps                the arms
    beyond            six ways to make maps; maps and SA scores    `studies.cam_tables`
                      of layers

Regions are cut out once; they are the experiment's cases. A classifier, with its maps and what it
learns from filtered regions, is a step. Arms are U-Nets that learn from its maps, each after it,
and one that learns true masks. Draws are folds and seeds, by subject.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from segscope.data import Dataset
from segscope.errors import InputError
from segscope.experiments import Arm, Draw, Outcome, Paper, Step, class_draws
from segscope.explain.weak_labels import CRITERIA
from segscope.networks import CLASSIFIERS, check_classifier
from segscope.studies.cam_outcome import SUPERVISED, unet_of
from segscope.studies.cam_page import answer, sections
from segscope.studies.cam_regions import cut_regions, regions_again
from segscope.studies.declared import Asked, read_budgets, refuse_older, run_declared
from segscope.studies.paper_setup import classifier_of, setup_section
from segscope.training.classify_images import labelled_images
from segscope.training.classify_recipe import classify_recipe
from segscope.training.recipe import merge
from segscope.workflows.rois import RoiOptions

METRICS = ("dice",)

BUDGETS = read_budgets("cam")

_WORK = "segscope.studies.cam_trials"


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
        folder: Of the experiment; receives also ``rois/``, ``study.json`` and ``report.html``.
        asked: Budget, values of the classifiers' recipe, folds, seeds, where trials are done.
        unet: Values of the segmentation networks' recipe.
        networks: Classifiers by name.
        rois: How regions are cut.

    Returns:
        What was found of the U-Nets.

    Raises:
        InputError: Unknown options; no regions; the folder holds a study of the old form.
        WorkError: Some trials failed; the others are kept, and the page is written from them.
    """
    asked = asked or Asked()
    refuse_older(folder)
    steps: Sequence[Step] = ()
    arms: Sequence[Arm] = ()
    draws: Sequence[Draw] = ()
    if asked.page_only:
        regions = regions_again(dataset, folder)
    else:
        steps = _steps(networks, asked)
        arms = _arms(networks, merge(BUDGETS[asked.budget]["unet"], unet or {}))
        regions = cut_regions(dataset, folder, rois or RoiOptions())
        images = labelled_images(regions, "class")
        draws = class_draws(images, folds=asked.folds, seeds=asked.seeds)
    setup = partial(setup_section, "cam", recipe_of=classifier_of)
    paper = Paper("Segmentation from classifiers", sections, answer=answer, setup=setup)
    return run_declared(
        replace(regions, name=dataset.name), folder, arms, asked, metrics=METRICS,
        reference=SUPERVISED, paper=paper, draws=draws, steps=steps,
    )  # fmt: skip


def _steps(networks: Sequence[str], asked: Asked) -> list[Step]:
    """Classifiers; all that was asked is checked before regions are cut and others are trained."""
    if asked.budget not in BUDGETS:
        raise InputError(f"--budget {asked.budget}: expected one of {', '.join(BUDGETS)}")
    if not networks:
        raise InputError("--networks: name one or more")
    settings = merge(BUDGETS[asked.budget]["classifier"], asked.settings)
    steps = []
    for name in networks:
        try:
            check_classifier(name)
        except ValueError as error:
            raise InputError(f"--networks {name}: {error}") from None
        recipe = classify_recipe({**settings, "network": name})
        options = {"settings": settings, "recipe": recipe.model_dump(mode="json")}
        steps.append(Step(arm=_arm(name, "classify", options)))
    return steps


def _arms(networks: Sequence[str], unet: Mapping[str, Any]) -> list[Arm]:
    """U-Nets that learn true masks, and each classifier's maps."""
    arms = [_arm(SUPERVISED, "learn_masks", {"unet": unet})]
    for name in networks:
        for criterion in CRITERIA:
            options = {"unet": unet, "classifier": name, "criterion": criterion}
            arms.append(_arm(unet_of(name, criterion), "learn_maps", options, after=(name,)))
    return arms


def _arm(name: str, work: str, options: Mapping[str, Any], after: tuple[str, ...] = ()) -> Arm:
    return Arm(name=name, kind="work", work=f"{_WORK}:{work}", options=dict(options), after=after)
