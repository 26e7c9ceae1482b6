"""What the mask study measures in networks that are trained: feature maps, other intensities."""

import io
import re
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from segscope.audit.feature_maps import FeatureMaps, feature_maps
from segscope.data import Dataset, write_bytes
from segscope.experiments import (
    OpenTrial,
    Outcome,
    Trial,
    on_trials,
    open_trial,
    read_again,
    write_again,
)
from segscope.images import Case
from segscope.inference import target
from segscope.preprocessing import MaskPlan
from segscope.priors import frame_file, open_mask_source
from segscope.studies.gbm_masks import MASKS, PLAN, PRIOR
from segscope.workflows.modalities import ModalityRow, check_modalities

_MODALITIES = "modalities"
_SHOWN_SIZE = 4  # the paper's pictures are of four training cases
_CHECKED = 5


def measure(
    outcome: Outcome, dataset: Dataset, folder: Path, *, layer: str | None, jobs: int, ray: bool
) -> None:
    """Measure what the page shows beyond scores, where that was not done yet."""
    pictured, name = pictured_trials(outcome, twice=True), _features_name(layer)
    asked = [layer or ""]
    on_trials(
        _write_maps, pictured, dataset, folder, name, options=lambda _: asked, jobs=jobs, ray=ray
    )
    on_trials(_check, _checked(outcome), dataset, folder, _MODALITIES, jobs=jobs, ray=ray)


def masks_step(outcome: Outcome) -> Trial:
    """The trial of the step that makes the masks."""
    return next(trial for trial in outcome.steps if trial.arm.name == MASKS)


def method_of(outcome: Outcome) -> str:
    """How the masks are made that an image can give."""
    return str(masks_step(outcome).arm.options["mask"]["method"])


def shown_size(outcome: Outcome) -> int:
    """Of the sizes, the one that is pictured."""
    return min(outcome.sizes, key=lambda size: abs(size - _SHOWN_SIZE))


def pictured_trials(outcome: Outcome, *, twice: bool = False) -> list[Trial]:
    """The first seed's trials of the size that is pictured, with masks that an image can give.

    Args:
        outcome: Of the study.
        twice: Also that of the image alone with twice as many subjects.
    """
    size = shown_size(outcome)
    found = [trial for trial in outcome.trials if trial.draw.seed == 0]
    found = [t for t in found if t.after or inputs_of(t) == "image"]
    more = [t for t in found if t.draw.size == 2 * size and inputs_of(t) == "image"]
    return [t for t in found if t.draw.size == size] + (more if twice else [])


def read_maps(folder: Path, trial: Trial, layer: str | None) -> FeatureMaps | None:
    """Read a trial's feature maps; None where they were not made."""
    root, name = folder / trial.place, _features_name(layer)
    facts = read_again(root, name)
    if facts is None:
        return None
    with np.load(root / "again" / name / "maps.npz", allow_pickle=False) as found:
        return FeatureMaps(facts["layer"], found["image"], found["truth"], found["maps"])


def read_modalities(outcome: Outcome, folder: Path) -> list[ModalityRow]:
    """Read how the mask alone fares with other intensities; nothing where that was not checked."""
    found = [read_again(folder / trial.place, _MODALITIES) for trial in _checked(outcome)]
    return [ModalityRow(**row) for facts in found if facts for row in facts["rows_changed"]]


def inputs_of(trial: Trial) -> str:
    """What a trial's network is shown."""
    return str((trial.recipe or {})["inputs"])


def _checked(outcome: Outcome) -> list[Trial]:
    """The largest trial that is shown the mask alone, where masks come from images."""
    alone = [trial for trial in outcome.trials if trial.after and inputs_of(trial) == "gbm"]
    if method_of(outcome) not in ("threshold", "network"):
        return []
    return sorted(alone, key=lambda t: (-(t.draw.size or 0), t.draw.seed))[:1]


def _features_name(layer: str | None) -> str:
    return "features" if not layer else "features_" + re.sub(r"[^\w.]", "_", layer)


def _write_maps(dataset_folder: str, folder: str, name: str, layer: str, place: str) -> None:
    trial = open_trial(dataset_folder, folder, place)
    shown, into = _as_shown(trial), trial.root / "again" / name
    found = feature_maps(trial.model, shown, layer=layer or None, reading=trial.dataset.reading)
    stream = io.BytesIO()
    np.savez_compressed(stream, image=found.image, truth=found.truth, maps=found.maps)
    into.mkdir(parents=True, exist_ok=True)
    write_bytes(into / "maps.npz", stream.getvalue())
    write_again(trial.root, name, {"case": shown.name, "layer": found.layer})


def _check(dataset_folder: str, folder: str, name: str, place: str) -> None:
    trial = open_trial(dataset_folder, folder, place)
    step = Path(folder) / trial.facts["places"][MASKS]
    plan = MaskPlan.model_validate_json((step / PLAN).read_text("utf-8"))
    source, reading = open_mask_source(plan, step / PRIOR), trial.dataset.reading
    rows = check_modalities(trial.model, source, trial.cases[:_CHECKED], reading=reading)
    write_again(trial.root, name, {"rows_changed": [asdict(row) for row in rows]})


def _as_shown(trial: OpenTrial) -> Case:
    """The first test case with the mask that was made of it, where the network is shown one."""
    case, inputs = trial.cases[0], trial.model.spec.inputs
    masks = trial.root / "run" / "masks"
    frame = frame_file(case, masks) if trial.model.run_spec.plan.frame == "template" else None
    own = case.image_files if inputs != "gbm" else ()
    mask = (target(case, masks),) if inputs != "image" else ()
    return replace(case, image_files=(*own, *mask), frame_file=frame)
