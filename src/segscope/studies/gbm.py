"""The global binary mask paper's learning curves on any dataset: image, mask, or both.

What the paper shows and what is made here:

    Tables 1, 2, Fig. 4    Dice by number of training subjects        `Study.results`
    Tables 3, 4            distance of centres of mass, in mm         `Study.results`
    Tables 5, 6, Fig. 6    epochs and minutes until nothing improves  `converged`
    Figs. 3, 5             contours                                   `studies.gbm_page`
    Figs. 7, 8             feature maps                               `studies.feature_maps`
    independence           other intensities, other modalities       `studies.modalities`

Subjects are dealt once into those that are tested, that choose weights, that train the coarse
network which makes masks, and the pool that training subsets are taken from. Each run is a folder
of its own and a file that says what it is: runs may be made in any order, by any process or machine
that sees the study's folder, and those that are finished are taken as they are.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from segscope.data import (
    Dataset,
    Split,
    image_ending,
    json_ready,
    measure_fingerprint,
    nested_subsets,
    open_dataset,
    read_label,
    read_label_of,
    write_bytes,
    write_json,
    write_text,
)
from segscope.data.json_files import read_json, read_record, read_typed
from segscope.errors import InputError
from segscope.experiments.queue import run_jobs
from segscope.images import Case, Fingerprint
from segscope.inference import load_model, predict_cases
from segscope.metrics import LabelReader, evaluate_folders
from segscope.preprocessing import Inputs, MaskPlan
from segscope.priors import make_masks, masked, open_source, settle
from segscope.training import (
    Recipe,
    has_begun,
    labelled,
    load_partial,
    plan_recipe,
    read_recipe,
    train_dataset,
)
from segscope.training.recipe import merge, recipe_from
from segscope.workflows.masks import mask_sheet, mask_training

INPUTS: tuple[Inputs, ...] = ("image", "gbm", "image+gbm")

BUDGETS: dict[str, dict[str, Any]] = {
    "minutes": {
        "network": {"widths": [8, 16, 32, 64], "options": {"activation": "relu"}},
        "train": {
            "epochs": 25,
            "steps_per_epoch": 20,
            "learning_rate": 2.0e-3,
            "schedule": "cosine",
            "patience": 0,
        },
        "augment": {"preset": "mild", "mirror_axes": []},
    },
    "hours": {
        "network": {"widths": [16, 32, 64, 128]},
        "train": {"epochs": 100, "steps_per_epoch": 50, "learning_rate": 1.0e-3},
    },
    "paper": {},
}
"""From minutes on two cores (ReLU, as sigmoids need long) to the paper's set-up, which alone has
the paper's spacing, window and patch; the others take the dataset's."""

_TOLERANCE = 0.01
_ANEW = "it is damaged: delete it, and start the study again"
_JOB = ("dataset", "recipe", "masks", "train", "val", "test")
_RESULT = ("dice", "centre_mm", "epochs", "minutes", "total_minutes", "curve", "train_curve")


@dataclass(frozen=True)
class Roles:
    """Which cases do what, by name; no subject has two roles."""

    test: tuple[str, ...]
    val: tuple[str, ...]
    coarse: tuple[str, ...]
    pool: tuple[str, ...]


@dataclass(frozen=True)
class Job:
    """One training: which subjects, what is shown, and which draw of subjects and weights."""

    size: int
    inputs: Inputs
    masks: str
    seed: int
    train: tuple[str, ...]

    @property
    def arm(self) -> str:
        """What is compared: ``image``, ``gbm``, ``image+gbm``, with the masks' origin."""
        return self.inputs if self.inputs == "image" else f"{self.inputs} ({self.masks})"

    @property
    def name(self) -> str:
        """Of its folder."""
        shown = self.inputs if self.inputs == "image" else f"{self.inputs}_{self.masks}"
        return f"n{self.size:02d}_{shown}_seed{self.seed}"


@dataclass(frozen=True)
class Result:
    """What one training reached on the test cases.

    Args:
        job: Which.
        dice: Label to one value per test case.
        centre_mm: The same of the distance of centres of mass.
        epochs: Until it had converged.
        minutes: Until then.
        total_minutes: Of the whole training.
        curve: Validation loss (1 - mean Dice) per epoch.
        train_curve: Training loss per epoch.
    """

    job: Job
    dice: dict[str, tuple[float, ...]]
    centre_mm: dict[str, tuple[float, ...]]
    epochs: int
    minutes: float
    total_minutes: float
    curve: tuple[float, ...]
    train_curve: tuple[float, ...]

    @property
    def mean_dice(self) -> float:
        """Mean over labels and cases; a case without the label, truly and in prediction, is out."""
        return mean_known([value for values in self.dice.values() for value in values])


@dataclass(frozen=True)
class Study:
    """All that the page shows."""

    dataset: str
    budget: str
    recipe: Recipe
    roles: Roles
    method: str
    mask_dice: dict[str, float]
    results: tuple[Result, ...]


@dataclass(frozen=True)
class Options:
    """What a study compares, and on what.

    Args:
        sizes: Numbers of training subjects, nested.
        seeds: Draws of subjects and weights.
        mask: How masks are made, as the recipe's section ``mask``; a coarse network by default,
            trained in the study on other subjects where no run is named.
        upper_bound: Also with masks that are the union of the labels.
        budget: One of `BUDGETS`.
        settings: Nested recipe values, the same for all.
        test_subjects: That are only ever tested.
        val_subjects: That choose weights.
        coarse_subjects: That train the coarse network.
    """

    sizes: tuple[int, ...] = (1, 2, 4, 8, 16)
    seeds: int = 3
    mask: Mapping[str, Any] = field(default_factory=lambda: {"method": "network"})
    upper_bound: bool = True
    budget: str = "minutes"
    settings: Mapping[str, Any] = field(default_factory=dict)
    test_subjects: int = 20
    val_subjects: int = 4
    coarse_subjects: int = 10

    @property
    def changes(self) -> dict[str, Any]:
        """Of the preset, for all runs."""
        return merge(BUDGETS[self.budget], self.settings)

    @property
    def method(self) -> str:
        """Origin of the masks that are compared with the upper bound."""
        return str(self.mask["method"])


def run_study(
    dataset: Dataset, folder: Path, options: Options, *, jobs: int = 1, ray: bool = False
) -> Study:
    """Train every size, input and seed, and score all on the same test cases.

    Args:
        dataset: With labelled cases.
        folder: Receives ``coarse/``, ``masks/``, ``runs/`` and ``study.json``.
        options: What is compared.
        jobs: Processes that train at the same time, sharing the cores.
        ray: Hand the trainings to Ray, for many machines that see the same folder.

    Raises:
        InputError: Too few subjects; unknown options; another study's folder.
        WorkError: Some trainings failed; the others are kept.
    """
    if options.budget not in BUDGETS:
        raise InputError(f"--budget {options.budget}: expected one of {', '.join(BUDGETS)}")
    if "method" not in options.mask:
        raise InputError("--mask: name a method, e.g. --mask method=threshold")
    trains_coarse = options.method == "network" and "run" not in options.mask
    cases = labelled(dataset)
    coarse = options.coarse_subjects if trains_coarse else 0
    roles = deal(cases, options.test_subjects, options.val_subjects, coarse)
    by_name = {case.name: case for case in cases}
    fingerprint = measure_fingerprint(dataset)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "fingerprint.json", fingerprint.model_dump_json(indent=1))
    wanted = dict(options.mask)
    if trains_coarse:
        wanted["run"] = str(_train_coarse(dataset, roles, folder, options).resolve())
    if options.method == "threshold" and "template" not in wanted:
        # one for all runs, and never a case that is tested
        image = by_name[roles.pool[0]].image_files[int(wanted.get("channel", 0))]
        wanted["template"] = str(image.resolve())
    origins = {options.method: wanted}
    if options.upper_bound:
        origins["labels"] = {"method": "labels"}
    todo = _jobs([by_name[name] for name in roles.pool], options, tuple(origins))
    used = sorted({*roles.val, *roles.test, *(name for job in todo for name in job.train)})
    for origin, section in origins.items():
        plan = _plan(fingerprint, "gbm", section, options).mask
        _make_masks(dataset, plan, folder, origin, [by_name[name] for name in used])
    for job in todo:
        recipe = _plan(fingerprint, job.inputs, origins[job.masks], options, seed=job.seed)
        _write_job(folder, job, recipe, dataset, roles)
    run_jobs(run_job, [(str(folder.resolve()), job.name) for job in todo], jobs=jobs, ray=ray)
    study = Study(
        dataset=dataset.name,
        budget=options.budget,
        recipe=read_recipe(folder / "runs" / todo[0].name / "recipe.yaml"),
        roles=roles,
        method=options.method,
        mask_dice=mask_agreement(dataset, roles.test, folder, options.method),
        results=tuple(read_result(folder, job) for job in todo),
    )
    write_json(folder / "study.json", _numbers(study))
    return study


def _jobs(pool: Sequence[Case], options: Options, origins: Sequence[str]) -> list[Job]:
    todo = []
    for seed in range(options.seeds):
        for size, names in nested_subsets(pool, options.sizes, seed=seed).items():
            for inputs in INPUTS:
                for origin in origins if inputs != "image" else origins[:1]:
                    todo.append(Job(size, inputs, origin, seed, names))
    return todo


def deal(cases: Sequence[Case], test: int, val: int, coarse: int) -> Roles:
    """Deal subjects into roles, always in the same way.

    Raises:
        InputError: Too few subjects.
    """
    subjects = {case.group for case in cases}
    if test < 1 or val < 1 or test + val + coarse >= len(subjects):
        raise InputError(
            f"{len(subjects)} subjects are too few for {test} to test, {val} to choose weights and "
            f"{coarse} for the coarse network, with some left to train; ask for fewer"
        )
    sizes = [n for n in (test, test + val, test + val + coarse) if n]
    taken = nested_subsets(cases, sizes, seed=0)
    everyone = tuple(sorted(case.name for case in cases))
    tested, chosen = set(taken[test]), set(taken[test + val])
    used = set(taken[test + val + coarse])
    return Roles(
        test=tuple(n for n in everyone if n in tested),
        val=tuple(n for n in everyone if n in chosen - tested),
        coarse=tuple(n for n in everyone if n in used - chosen),
        pool=tuple(n for n in everyone if n not in used),
    )


def converged(losses: Sequence[float], tolerance: float = _TOLERANCE) -> int:
    """Epochs until a validation loss stops improving.

    The rule, the same for all runs: the first epoch whose loss is within ``tolerance`` of the
    lowest one of the run.

    Example:
        >>> converged([0.9, 0.5, 0.305, 0.31, 0.3])
        3
    """
    known = [loss for loss in losses if not math.isnan(loss)]
    if not known:
        return len(losses)
    limit = min(known) + tolerance
    return next(k for k, loss in enumerate(losses, start=1) if loss <= limit)


def run_job(folder_name: str, name: str) -> None:
    """Train one run of a study and score it; nothing happens where that was done before."""
    folder = Path(folder_name)
    run = folder / "runs" / name
    if (run / "result.json").is_file():
        return
    facts = read_record(run / "job.json", *_JOB, remedy=_ANEW)
    dataset = open_dataset(Path(facts["dataset"]))
    recipe = recipe_from(facts["recipe"], source=str(run / "job.json"))
    train, val, test = (tuple(facts[part]) for part in ("train", "val", "test"))
    by_name = {case.name: case for case in labelled(dataset)}
    shown, cases = dataset, tuple(by_name[n] for n in test)
    if recipe.mask is not None:
        shared = folder / "masks" / facts["masks"]
        shown = mask_training(dataset, recipe, run, train=train, others=val, shared=shared)
        source = open_source(recipe.mask, run / "prior", labels=dataset.labels)
        made = make_masks(cases, replace(source, reference=()), shared, reading=dataset.reading)
        cases = masked(cases, made, recipe.inputs)
    fingerprint = read_typed(
        folder / "fingerprint.json", Fingerprint, what="a fingerprint of this version", remedy=_ANEW
    )
    progress = train_dataset(
        shown, fingerprint, recipe, run, split=Split(train, val), cache=folder / "cache",
        resume=has_begun(run),
    )  # fmt: skip
    model = load_model(run, device=recipe.train.device)
    predict_cases(model, cases, run / "test", overwrite=True, anyway=True)
    summary = evaluate_folders(
        run / "test",
        dataset.truth,
        read=LabelReader(
            read_label,
            image_ending,
            lambda file: read_label_of(dataset, _case_of(file, by_name)),
        ),
        labels=dataset.labels,
        cases=test,
    )
    losses = [1 - float(row.get("val_dice", math.nan)) for row in progress.rows]
    epochs = converged(losses)
    labels = [label for label, value in dataset.labels.items() if value > 0]
    per_case = {
        metric: {
            label: [row[metric] for row in summary.rows if row["label"] == label]
            for label in labels
        }
        for metric in ("dice", "centre_mm")
    }
    outcome = {
        "format": 1,
        **per_case,
        "epochs": epochs,
        "minutes": float(progress.rows[epochs - 1]["seconds"]) / 60,
        "total_minutes": progress.elapsed_s / 60,
        "curve": losses,
        "train_curve": [float(row["train_loss"]) for row in progress.rows],
    }
    write_json(run / "result.json", json_ready(outcome))  # last: it says that all is there


def read_result(folder: Path, job: Job) -> Result:
    """Take up what `run_job` wrote."""
    facts = read_record(folder / "runs" / job.name / "result.json", *_RESULT, remedy=_ANEW)

    def numbers(values: Sequence[Any]) -> tuple[float, ...]:
        return tuple(math.nan if value is None else float(value) for value in values)

    return Result(
        job=job,
        dice={label: numbers(values) for label, values in facts["dice"].items()},
        centre_mm={label: numbers(values) for label, values in facts["centre_mm"].items()},
        epochs=int(facts["epochs"]),
        minutes=float(facts["minutes"]),
        total_minutes=float(facts["total_minutes"]),
        curve=numbers(facts["curve"]),
        train_curve=numbers(facts["train_curve"]),
    )


def mask_agreement(
    dataset: Dataset, names: Sequence[str], folder: Path, method: str
) -> dict[str, float]:
    """Dice of each case's mask with the union of its labels."""
    found = {}
    by_name = {case.name: case for case in labelled(dataset)}
    for name in names:
        truth = read_label_of(dataset, by_name[name]).array > 0
        (file,) = (folder / "masks" / method).glob(f"{name}.*")
        mask = read_label(file).array > 0
        total = int(truth.sum()) + int(mask.sum())
        found[name] = 2 * int((truth & mask).sum()) / total if total else math.nan
    return found


def mean_known(values: Sequence[float]) -> float:
    """Mean of the values that are defined; a distance of infinity stays one."""
    known = [value for value in values if not math.isnan(value)]
    return fmean(known) if known else math.nan


def _plan(
    fingerprint: Fingerprint,
    inputs: Inputs,
    section: Mapping[str, Any],
    options: Options,
    *,
    seed: int = 0,
) -> Recipe:
    preset = load_partial("gbm")
    if options.budget != "paper":
        del preset["preprocessing"], preset["patch"]
    preset |= {"inputs": inputs, "mask": None if inputs == "image" else dict(section)}
    changes = options.changes
    if "augment" in changes:  # a preset of changes replaces another one as a whole
        preset["augment"] = {}
    return plan_recipe(fingerprint, merge(preset, changes), {"train": {"seed": seed}})


def _train_coarse(dataset: Dataset, roles: Roles, folder: Path, options: Options) -> Path:
    """Train a network on the union of all structures, of subjects that no run trains on."""
    run = folder / "coarse"
    union = {value: 1 for value in dataset.labels.values() if value > 0}
    whole = replace(
        dataset,
        labels={"background": 0, "body part": 1},
        reading=replace(dataset.reading, label_mapping={0: 0, **union}),
    )
    measured = measure_fingerprint(whole)
    recipe = _plan(measured, "image", {}, options)
    train_dataset(
        whole, measured, recipe, run, split=Split(roles.coarse, roles.val),
        cache=folder / "cache", resume=has_begun(run),
    )  # fmt: skip
    return run


def _make_masks(
    dataset: Dataset, plan: MaskPlan | None, folder: Path, origin: str, cases: Sequence[Case]
) -> None:
    """Make the masks that runs share, before several processes want them at once."""
    assert plan is not None  # planned with a mask
    prior, out = folder / "prior" / origin, folder / "masks" / origin
    settle(plan, prior, template=cases[0], reading=dataset.reading)
    source = open_source(plan, prior, labels=dataset.labels)
    made = make_masks(cases, source, out, reading=dataset.reading)
    sheet = mask_sheet(cases, made, source, reading=dataset.reading)
    write_bytes(out / "masks.png", sheet)


def _write_job(folder: Path, job: Job, recipe: Recipe, dataset: Dataset, roles: Roles) -> None:
    facts = {
        "format": 1,
        "dataset": str(dataset.folder.resolve()),
        "recipe": recipe.model_dump(mode="json"),
        "masks": job.masks,
        "train": list(job.train),
        "val": list(roles.val),
        "test": list(roles.test),
    }
    file = folder / "runs" / job.name / "job.json"
    if file.is_file():
        if read_json(file) != json_ready(facts):
            raise InputError(f"{file}: is of a study with other options; name another folder")
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, facts)


def _case_of(label_file: Path, by_name: Mapping[str, Case]) -> Case:
    return next(case for case in by_name.values() if case.label_file == label_file)


def _numbers(study: Study) -> dict[str, Any]:
    facts = asdict(study)
    facts["recipe"] = study.recipe.model_dump(mode="json")
    return json_ready({"format": 1, **facts})
