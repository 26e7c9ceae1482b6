"""The content loss paper's question on any dataset: one network, many losses for small lesions.

What the paper shows and what is made here:

    Table 1    scores per loss, on the same centre and another       `studies.siamese_page`
    Table 2    features as they were, and trained in the game        arm `content_game`
    Fig. 4     predictions of each loss over an image                `studies.siamese_page`
    Fig. 5     volume difference against positive class density      `studies.siamese_page`

Arms are losses, draws are folds and seeds. Networks are used with their last weights; test cases
choose nothing.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from segscope.data import Dataset
from segscope.errors import InputError
from segscope.experiments import Outcome, Paper, content_of, score_again
from segscope.studies.declared import Asked, arm_of, read_budgets, run_declared
from segscope.studies.paper_setup import setup_section
from segscope.studies.siamese_page import sections
from segscope.training import load_partial

SOFT_LABELS = 0.1
"""Of all the paper's models (section 3.2.2); the content loss has it as its own default."""

LOSSES: dict[str, dict[str, Any]] = {
    "dice": {"name": "dice", "options": {"squared": True}, "soft_labels": SOFT_LABELS},
    "tversky": {
        "name": "tversky",
        "options": {"alpha": 0.3, "beta": 0.7},
        "soft_labels": SOFT_LABELS,
    },
    "generalized_dice": {"name": "generalized_dice", "options": {}, "soft_labels": SOFT_LABELS},
    "focal": {"name": "focal", "options": {}, "soft_labels": SOFT_LABELS},
    "hybrid": {"name": "hybrid", "options": {"variant": "stable"}, "soft_labels": SOFT_LABELS},
    "content": {"name": "content"},
    "content_dice": {"name": "content", "plus": {"dice": 1.0}},
    "content_game": {"name": "content", "minmax": 1e-5},
}
"""What is compared; options beyond those are the losses' own defaults. Dice is the cited one, of
V-Net (squares below). In ``content_dice`` only the content loss sees soft labels."""

ABLATIONS: dict[str, dict[str, Any]] = {
    **{f"{name}_hard_labels": {**LOSSES[name], "soft_labels": 0.0}
       for name in ("dice", "tversky", "generalized_dice", "focal", "hybrid")},
    "content_hard_labels": {"name": "content", "options": {"soft_labels": 0.0}},
    "dice_unsquared": {**LOSSES["dice"], "options": {}},
    "dice_unsquared_hard_labels": {"name": "dice", "options": {}},
}  # fmt: skip
"""Arms beside the paper's, for who names them: which of its choices does the work."""

_SETUP = partial(setup_section, "siamese")

METRICS = ("lesion_f1", "lesion_recall", "dice", "hd95_mm", "avd_percent")
"""The first one ranks: the paper is about small lesions."""

BUDGETS = read_budgets("siamese")


def run_study(
    dataset: Dataset,
    folder: Path,
    asked: Asked | None = None,
    *,
    external: Dataset | None = None,
    phi: str = "imagenet",
    losses: Sequence[str] = tuple(LOSSES),
) -> Outcome:
    """Train a network per loss, fold and seed, score all and write the page.

    Args:
        dataset: With labelled cases of one foreground label.
        folder: Of the experiment; receives ``study.json`` and ``report.html``.
        asked: Budget, settings, folds, seeds and where the trials are done.
        external: Another centre's cases with the same channels and label.
        phi: Weights of the content loss's features: ``imagenet``, a file, or ``random``.
        losses: Names in `LOSSES` or `ABLATIONS`.

    Raises:
        InputError: More than one foreground label; unknown names; datasets that do not fit; the
            folder holds a study of the old form.
        WorkError: Some trials failed; the others are kept.
    """
    asked = asked or Asked()
    known = LOSSES | ABLATIONS
    unknown = [name for name in losses if name not in known]
    if unknown or not losses:
        raise InputError(f"--loss {unknown}: expected some of {', '.join(known)}")
    arms = [arm_of(name, _preset(name, phi), BUDGETS, asked) for name in losses]
    _fits(dataset, external)
    reference = "content" if "content" in losses else losses[0]
    measured = partial(_measure, external=external, asked=asked)
    return run_declared(
        dataset,
        folder,
        arms,
        asked,
        metrics=METRICS,
        reference=reference,
        paper=Paper("Losses for small lesions", sections, measured, _SETUP),
    )


def _measure(
    outcome: Outcome, dataset: Dataset, folder: Path, *, external: Dataset | None, asked: Asked
) -> None:
    """Score by the challenge's definitions, which are for volumes, and on another dataset."""
    jobs, ray = asked.jobs, asked.ray
    if _volumes(outcome):
        score_again(outcome, dataset, folder, "wmh2017", convention="wmh2017", jobs=jobs, ray=ray)
    if external is not None:
        name = f"external_{content_of(external)[:10]}"
        score_again(outcome, external, folder, name, jobs=jobs, ray=ray)


def _volumes(outcome: Outcome) -> bool:
    recipe = outcome.trials[0].recipe or {}
    return bool(recipe["preprocessing"]["image_dims"] == 3)


def _preset(name: str, phi: str) -> dict[str, Any]:
    preset = load_partial("siamese")
    loss = (LOSSES | ABLATIONS)[name]
    if loss["name"] == "content":
        own = {"weights": phi, **loss.get("options", {})}
        loss = {**loss, "options": {**preset["loss"]["options"], **own}}
    return {**preset, "loss": loss}


def _fits(dataset: Dataset, external: Dataset | None) -> None:
    if len(dataset.labels) != 2:
        raise InputError(
            f"{dataset.folder}: has the labels {list(dataset.labels)}; this study is for one "
            "foreground label"
        )
    if external is not None and (
        len(external.labels) != 2 or len(external.channel_names) != len(dataset.channel_names)
    ):
        raise InputError(
            f"--external {external.folder}: has channels {external.channel_names} and labels "
            f"{list(external.labels)}, expected as many as {dataset.folder} has"
        )
