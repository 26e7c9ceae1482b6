"""The global binary mask paper's learning curves on any dataset: image, mask, or both.

What the paper shows and what is made here:

    Tables 1, 2, Fig. 4    Dice by number of training subjects        `studies.gbm_page`
    Tables 3, 4            distance of centres of mass, in mm         `studies.gbm_page`
    Tables 5, 6, Fig. 6    epochs and minutes until nothing improves  `experiments.curves`
    Figs. 3, 5             contours                                   `studies.gbm_page`
    Figs. 7, 8             feature maps                               `audit.feature_maps`
    independence           other intensities, other modalities        `workflows.modalities`

Arms are inputs, draws are nested subsets of training subjects and seeds; the same true test
subjects for all. Masks come from a step that arms come after, and that one, for method
``network``, after a coarse network that trains on subjects that no arm draws. Weights are the best
on validation subjects, as in the paper; test subjects choose nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from segscope.data import Dataset, is_plane
from segscope.errors import InputError
from segscope.experiments import Arm, Draw, Outcome, Paper, Step, subset_draws
from segscope.studies.declared import Asked, arm_of, read_budgets, run_declared
from segscope.studies.gbm_masks import FILES, MASKS, PRIOR
from segscope.studies.gbm_measures import measure
from segscope.studies.gbm_page import sections
from segscope.studies.paper_setup import setup_section
from segscope.training import labelled, load_partial
from segscope.workflows.masks import mask_plan

METRICS = ("dice", "centre_mm")

BUDGETS = read_budgets("gbm")

_WORK = "segscope.studies.gbm_masks"
_COARSE = "coarse"


@dataclass(frozen=True)
class Options:
    """What a study compares, and on what.

    Args:
        sizes: Numbers of training subjects, nested.
        mask: How masks are made, as the recipe's section ``mask``; by a coarse network by default,
            trained in the study on other subjects where no run is named.
        upper_bound: Also with masks that are the union of the labels.
        test_subjects: That are only ever tested.
        val_subjects: That choose weights.
        coarse_subjects: That train the coarse network.
        layer: Whose channels are pictured; the last one before the output where not given.
    """

    sizes: tuple[int, ...] = (1, 2, 4, 8, 16)
    mask: Mapping[str, Any] = field(default_factory=lambda: {"method": "network"})
    upper_bound: bool = True
    test_subjects: int = 20
    val_subjects: int = 4
    coarse_subjects: int = 10
    layer: str | None = None

    @property
    def trains_coarse(self) -> bool:
        """Whether a coarse network is trained here."""
        return self.mask.get("method") == "network" and "run" not in self.mask


def run_study(
    dataset: Dataset, folder: Path, asked: Asked | None = None, options: Options | None = None
) -> Outcome:
    """Train every input on every draw, score all and write the page.

    Args:
        dataset: With labelled cases.
        folder: Of the experiment; receives ``study.json`` and ``report.html``.
        asked: Budget, settings, seeds, and where the trials are done; there are no folds.
        options: What is compared.

    Raises:
        InputError: Too few subjects; unknown options; the folder holds a study of the old form.
        WorkError: Some trials failed; the others are kept.
    """
    asked, options = asked or Asked(seeds=3), options or Options()
    arms: Sequence[Arm] = ()
    draws: Sequence[Draw] = ()
    steps: Sequence[Step] = ()
    if not asked.page_only:
        aside = options.coarse_subjects if options.trains_coarse else 0
        subsets = subset_draws(
            labelled(dataset), sizes=options.sizes, test=options.test_subjects,
            val=options.val_subjects, seeds=asked.seeds, aside=aside,
        )  # fmt: skip
        steps = _steps(dataset, subsets.aside, options, asked)
        arms, draws = _arms(dataset, options, asked), subsets.draws
    paper = Paper(
        "Image, mask or both: few cases",
        partial(sections, layer=options.layer),
        partial(measure, layer=options.layer, jobs=asked.jobs, ray=asked.ray),
        partial(setup_section, "gbm"),
    )
    return run_declared(
        dataset, folder, arms, asked, metrics=METRICS, reference="image", paper=paper,
        draws=draws, steps=steps,
    )  # fmt: skip


def _steps(dataset: Dataset, aside: Draw, options: Options, asked: Asked) -> list[Step]:
    """The masks of all cases, and the coarse network that they come from."""
    if "method" not in options.mask:
        raise InputError("--mask: name a method, e.g. --mask method=threshold")
    section = dict(options.mask)
    after: tuple[str, ...] = ()
    steps = []
    if options.trains_coarse:
        recipe = _arm(_COARSE, {"inputs": "image", "mask": None}, asked).recipe
        coarse = Arm(name=_COARSE, kind="work", work=f"{_WORK}:train_coarse",
                     options={"recipe": recipe})  # fmt: skip
        steps.append(Step(arm=coarse, draw=aside))
        section["run"], after = f"after:{_COARSE}/run", (_COARSE,)
    for name in ("run", "folder", "template"):
        if name in section and not after:  # trials are done in other working folders
            section[name] = str(Path(str(section[name])).resolve())
    mask_plan(section, dataset.channel_names)  # refused now, not in the middle
    masks = Arm(name=MASKS, kind="work", work=f"{_WORK}:make_all", options={"mask": section},
                after=after)  # fmt: skip
    return [*steps, Step(arm=masks, draw=aside)]


def _frame(dataset: Dataset, options: Options) -> dict[str, Any]:
    """Arms with masks see the frame of the template that the step of the masks has kept."""
    if options.mask.get("frame") != "template":
        return {}
    ending = ".png" if is_plane(dataset.file_ending) else ".nii.gz"
    alike = ("frame", "transform", "channel", "seed")
    said = {name: options.mask[name] for name in alike if name in options.mask}
    return {**said, "template": f"after:{MASKS}/{PRIOR}/template{ending}"}


def _arms(dataset: Dataset, options: Options, asked: Asked) -> list[Arm]:
    """The image, and by the masks' origin the mask alone and both."""
    method, frame = str(options.mask["method"]), _frame(dataset, options)
    origins: dict[str, dict[str, Any]] = {
        # as the step has made them
        method: {"method": "file", "folder": f"after:{MASKS}/{FILES}", "components": "all", **frame}
    }
    if options.upper_bound and method != "labels":
        origins["labels"] = {"method": "labels", **frame}
    alone = _arm("image", {"inputs": "image", "mask": origins[method] if frame else None}, asked)
    arms = [alone.model_copy(update={"after": (MASKS,)}) if frame else alone]
    for origin, mask in origins.items():
        for inputs in ("gbm", "image+gbm"):
            shown = _arm(f"{inputs} ({origin})", {"inputs": inputs, "mask": mask}, asked)
            after = (MASKS,) if origin == method or frame else ()
            arms.append(shown.model_copy(update={"after": after}))
    return arms


def _arm(name: str, shown: dict[str, Any], asked: Asked) -> Arm:
    preset = load_partial("gbm")
    if asked.budget != "paper":
        del preset["preprocessing"], preset["patch"]
    if "augment" in {**BUDGETS.get(asked.budget, {}), **asked.settings}:
        preset["augment"] = {}  # a preset of changes replaces another one as a whole
    arm = arm_of(name, {**preset, **shown}, BUDGETS, asked)
    return arm.model_copy(update={"weights": "best"})
