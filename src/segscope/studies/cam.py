"""The classifier-map paper's experiments on any dataset with masks.

What the paper shows and what is made here:

    Table I           accuracy, averaged mean-Dice of maps         `Outcome.trained`, `.mean_dice`
    Table II, Fig. 8  learning again from what maps or masks keep  `Outcome.trained`
    Figs. 7, 9, 10    maps and filtered regions                    `studies.cam_page`
    experiment 3      a U-Net that learns from maps                `Outcome.weak`
    beyond            six ways to make maps; maps and SA scores    `Outcome.methods`, `.by_layer`,
                      of layers                                    `.layers`

Each draw parts the regions, by subject, into those that train, that choose weights, and that are
only tested; all networks and filters share it. Every run is a folder of its own and a file that
says what it is: runs may be made in any order, and those that are finished are taken as they are.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from segscope.data import Dataset, json_ready, open_dataset, write_json
from segscope.data.json_files import read_json, read_record
from segscope.errors import InputError
from segscope.explain import mean_dice
from segscope.jobs import run_jobs
from segscope.networks import CLASSIFIERS, check_classifier
from segscope.studies.cam_job import abnormal_of, made_once, run_job
from segscope.studies.cam_outcome import Outcome, Parts, read_outcome, result_of
from segscope.studies.rois import RoiOptions, extract_rois
from segscope.studies.shortcuts import Shortcut, centred_map, find_shortcuts
from segscope.studies.weak_training import dice_of, mask_of
from segscope.training.classify_images import Labelled, labelled_images, split_images
from segscope.training.classify_recipe import classify_recipe
from segscope.training.recipe import merge

_UNET_MINUTES = {
    "network": {"name": "unet", "widths": [8, 16, 32, 64]},
    "patch": [96, 96],
    # the last weights count, so validation is only for the log
    "train": {
        "epochs": 10,
        "steps_per_epoch": 20,
        "batch_size": 8,
        "learning_rate": 2e-3,
        "validate_every": 10,
    },
}

BUDGETS: dict[str, dict[str, dict[str, Any]]] = {
    "minutes": {
        "classifier": {"size": [64, 64], "epochs": 30, "patience": 10, "schedule": "cosine"},
        "unet": _UNET_MINUTES,
    },
    "hours": {
        "classifier": {"size": [160, 160], "epochs": 100, "patience": 30},
        "unet": {"train": {"epochs": 60, "steps_per_epoch": 50}},
    },
    "paper": {"classifier": {"size": [299, 299], "epochs": 200, "patience": 30}, "unet": {}},
}
"""From minutes on two cores to the paper's about 200 epochs (whose sides it does not tell)."""

_HOLD_OUT = 0.2
_ANEW = "it is damaged: delete it, and start the study again"


@dataclass(frozen=True)
class Options:
    """What a study compares, and on what.

    Args:
        networks: Classifiers by name.
        seeds: Draws of the split and of weights.
        budget: One of `BUDGETS`.
        settings: Values of the classifiers' recipe, the same for all.
        unet: Values of the segmentation networks' recipe, likewise.
        rois: How regions are cut.
    """

    networks: tuple[str, ...] = tuple(CLASSIFIERS)
    seeds: int = 1
    budget: str = "minutes"
    settings: Mapping[str, Any] = field(default_factory=dict)
    unet: Mapping[str, Any] = field(default_factory=dict)
    rois: RoiOptions = field(default_factory=RoiOptions)


@dataclass(frozen=True)
class Study:
    """All that the page shows.

    Args:
        dataset: Its name.
        options: What was compared.
        counts: Of regions.
        parts: Of each draw.
        outcomes: Of each network and draw.
        supervised: Dice of each draw's abnormal test regions by a U-Net that learned true masks.
        whole: Dice of the whole region with its mask, of the same.
        centred: Mean-Dice over all abnormal regions of a map that only knows the middle.
        shortcuts: How well plain figures of regions tell the classes apart.
    """

    dataset: str
    options: Options
    counts: dict[str, int]
    parts: tuple[Parts, ...]
    outcomes: tuple[Outcome, ...]
    supervised: tuple[tuple[float, ...], ...]
    whole: tuple[tuple[float, ...], ...]
    centred: tuple[float, ...]
    shortcuts: tuple[Shortcut, ...]


def run_study(dataset: Dataset, folder: Path, options: Options, *, jobs: int = 1) -> Study:
    """Cut regions, train every classifier in every draw, and all that follows from it.

    Args:
        dataset: With masks.
        folder: Receives ``rois/``, ``runs/`` and ``study.json``.
        options: What is compared.
        jobs: Processes that train at the same time, sharing the cores.

    Raises:
        InputError: Unknown options; no regions; another study's folder.
        WorkError: Some runs failed; the others are kept.
    """
    if options.budget not in BUDGETS:
        raise InputError(f"--budget {options.budget}: expected one of {', '.join(BUDGETS)}")
    if not options.networks:
        raise InputError("--networks: name one or more")
    for name in options.networks:  # before regions are cut and others are trained
        try:
            check_classifier(name)
        except ValueError as error:
            raise InputError(f"--networks {name}: {error}") from None
    budget = BUDGETS[options.budget]
    recipes = {
        name: classify_recipe(merge(budget["classifier"], {**options.settings, "network": name}))
        for name in options.networks
    }
    counts = _cut(dataset, folder, options)
    rois = open_dataset(folder / "rois")
    images = labelled_images(rois, "class")
    parts = tuple(_part(images, seed) for seed in range(options.seeds))
    todo = []
    for seed, part in enumerate(parts):
        for name, recipe in recipes.items():
            own = recipe.model_copy(update={"seed": seed})
            facts: dict[str, Any] = {"network": name, "recipe": own.model_dump(mode="json")}
            todo.append(_write_job(folder, f"{name}_seed{seed}", facts, part, seed, options))
        facts = {"network": None, "recipe": None}
        todo.append(_write_job(folder, f"unet_seed{seed}", facts, part, seed, options))
    run_jobs(run_job, [(str(folder.resolve()), name) for name in todo], jobs=jobs)
    truth = {case.name: mask_of(case) for case in abnormal_of(images).cases}
    study = Study(
        dataset=dataset.name,
        options=options,
        counts=counts,
        parts=parts,
        outcomes=tuple(
            read_outcome(folder, name, seed)
            for seed in range(options.seeds)
            for name in options.networks
        ),
        supervised=tuple(
            tuple(result_of(folder, f"unet_seed{seed}")["dice"]) for seed in range(options.seeds)
        ),
        whole=tuple(
            tuple(dice_of(np.ones_like(truth[n]), truth[n]) for n in part.test if n in truth)
            for part in parts
        ),
        centred=tuple(mean_dice(centred_map(mask.shape), mask) for mask in truth.values()),
        shortcuts=tuple(find_shortcuts(rois, images)),
    )
    write_json(folder / "study.json", json_ready({"format": 1, **asdict(study)}))
    return study


def _cut(dataset: Dataset, folder: Path, options: Options) -> dict[str, int]:
    """Cut the regions, or take those that the same options gave before."""
    wanted = json_ready({"dataset": str(dataset.folder.resolve()), **asdict(options.rois)})
    file = folder / "rois.json"
    if file.is_file():
        known = read_record(file, "options", "counts", remedy=_ANEW)
        if known["options"] != wanted:
            raise InputError(f"{file}: is of a study with other options; name another folder")
        counts: dict[str, int] = known["counts"]
        return counts
    counts = {}
    made_once(folder / "rois", lambda new: counts.update(extract_rois(dataset, new, options.rois)))
    write_json(file, {"options": wanted, "counts": counts})
    return counts


def _part(images: Labelled, seed: int) -> Parts:
    rest, test = split_images(images, _HOLD_OUT, seed)
    train, val = split_images(images.part(rest), _HOLD_OUT, seed)
    return Parts(tuple(train), tuple(val), tuple(test))


def _write_job(
    folder: Path, name: str, facts: Mapping[str, Any], parts: Parts, seed: int, options: Options
) -> str:
    unet = merge(BUDGETS[options.budget]["unet"], options.unet)
    wanted = json_ready({"format": 1, **facts, "unet": unet, "parts": asdict(parts), "seed": seed})
    file = folder / "runs" / name / "job.json"
    if file.is_file():
        if read_json(file) != wanted:
            raise InputError(f"{file}: is of a study with other options; name another folder")
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, wanted)
    return name
