"""What the mask study's arms come after: a coarse network, and the masks of all cases."""

from dataclasses import replace
from typing import Any

from segscope.data import Dataset, Split, read_label, read_label_of, write_bytes, write_text
from segscope.experiments import Task, cases_of
from segscope.experiments.split_training import train_split
from segscope.images import Case
from segscope.metrics import count_agreement, overlap_scores
from segscope.priors import CaseMask, make_masks, open_mask_source, resolve_mask_plan
from segscope.training import labelled
from segscope.training.recipe import merge
from segscope.workflows.masks import mask_plan, mask_sheet

MASKS = "masks"
"""Name of the step that makes the masks of all cases."""

PLAN, PRIOR, FILES, SHEET = "plan.json", "prior", "files", "masks.png"
"""What it leaves in its folder: how masks are made, by what, the masks, a picture of some."""


def train_coarse(task: Task) -> dict[str, Any]:
    """Train a network on the union of all structures, of subjects that no arm trains on."""
    run, draw = task.root / "run", task.draw
    settings = merge(task.options["recipe"], {"train": {"seed": draw.seed}})
    split = Split(draw.train, draw.val)
    progress = train_split(_union(task.dataset), run, split, settings, cache=task.cache)
    return {"minutes": progress.elapsed_s / 60, "epochs": progress.epoch}


def make_all(task: Task) -> dict[str, Any]:
    """Make the masks of all cases that an arm may be shown, and score those of the test cases.

    The first case that trains is the template where masks come by registration and none is named:
    one for all arms, and never a case that is tested.
    """
    dataset, draw, prior = task.dataset, task.draw, task.root / PRIOR
    section = {
        name: task.placed(value) if isinstance(value, str) else value
        for name, value in task.options["mask"].items()
    }
    plan = mask_plan(section, dataset.channel_names)
    (first,) = cases_of(dataset, draw.train[:1])
    resolve_mask_plan(plan, prior, template=first, reading=dataset.reading)
    source = open_mask_source(plan, prior, labels=dataset.labels)
    unused = draw.train if task.after else ()  # those that trained the coarse network
    cases = [case for case in labelled(dataset) if case.name not in unused]
    made = make_masks(cases, source, task.root / FILES, reading=dataset.reading)
    tested = cases_of(dataset, draw.test)
    sheet = mask_sheet(tested, made, source, reading=dataset.reading)
    write_bytes(task.root / SHEET, sheet)
    write_text(task.root / PLAN, plan.model_dump_json(indent=1))
    return {"rows": [_row(dataset, case, made[case.name]) for case in tested]}


def _row(dataset: Dataset, case: Case, mask: CaseMask) -> dict[str, Any]:
    """Agreement of a mask with the union of the labels."""
    found = read_label(mask.file).array > 0
    counts = count_agreement(found, read_label_of(dataset, case).array > 0)
    scores = {"dice": overlap_scores(counts)["dice"]}
    return {"case": case.name, "subject": case.group, "label": "mask", "status": "ok",
            "scores": scores}  # fmt: skip


def _union(dataset: Dataset) -> Dataset:
    """The dataset with all structures as one."""
    union = {value: 1 for value in dataset.labels.values() if value > 0}
    return replace(
        dataset,
        labels={"background": 0, "body part": 1},
        reading=replace(dataset.reading, label_mapping={0: 0, **union}),
    )
