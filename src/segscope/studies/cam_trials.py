"""What the classifier-map study does: regions cut once, draws of them, and its trials as folders.

A trial is one classifier, or the U-Net that learns true masks, on one draw. ``trial.json`` is
written first, ``result.json`` last; the folder's name holds a hash of all that decides the result.
The regions' folder is named by the images' content and how they are cut, so that a study goes on
wherever its folder and the dataset lie.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segscope.data import Dataset, json_ready, open_dataset, write_json
from segscope.data.json_files import read_record
from segscope.errors import InputError
from segscope.experiments import Draw, content_of, content_of_files, key_of, made_once
from segscope.training.classify_recipe import ClassifyRecipe
from segscope.workflows.region_facts import region_facts
from segscope.workflows.rois import RoiOptions, extract_rois

ORIGINAL = "original"
SUPERVISED = "true masks"
FILE = "trials.json"
ANEW = "it is damaged: delete it, and start the study again"


@dataclass(frozen=True)
class CamTrial:
    """One trial.

    Args:
        arm: Name of the classifier, or `SUPERVISED`.
        draw: Regions that train, choose and are tested, and the seed.
        regions: Of their folder, within the study's.
        recipe: Of the classifier; None for `SUPERVISED`.
        unet: Values of the segmentation networks' recipe.
    """

    arm: str
    draw: Draw
    regions: str
    recipe: ClassifyRecipe | None
    unet: Mapping[str, Any]

    def facts(self) -> dict[str, Any]:
        """All that decides the result, as plain values."""
        recipe = None if self.recipe is None else self.recipe.model_dump(mode="json")
        return {
            "format": 1,
            "regions": self.regions,
            "draw": self.draw.model_dump(mode="json", exclude={"name"}),
            "classifier": recipe,
            "unet": dict(self.unet),
            "files": content_of_files([recipe, self.unet]),
        }

    @property
    def place(self) -> str:
        """Of its folder within the study's."""
        name = self.arm.replace(" ", "_").replace("/", "_")
        return f"trials/{name}/{self.draw.name}_{key_of(self.facts())}"


def cut_regions(dataset: Dataset, folder: Path, options: RoiOptions) -> str:
    """Cut the regions, or take those that the same options gave before; say their folder.

    Raises:
        InputError: Nothing can be cut.
    """
    place = f"rois/{key_of({'content': content_of(dataset), **asdict(options)})}"

    def cut(new: Path) -> None:
        counts = extract_rois(dataset, new, options)
        facts = region_facts(open_dataset(new))
        write_json(new / "regions.json", json_ready({"format": 1, "counts": counts, **facts}))

    made_once(folder / place, cut)
    return place


def write_trials(folder: Path, facts: Mapping[str, Any], trials: Sequence[CamTrial]) -> None:
    """Write down what each trial is, where it is not yet, and which of them the study is of."""
    for trial in trials:
        file = folder / trial.place / "trial.json"
        if not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            names = {"arm": trial.arm, "draw_name": trial.draw.name}
            write_json(file, json_ready({**trial.facts(), **names}))
    listed = [{"arm": t.arm, "draw": t.draw.name, "place": t.place} for t in trials]
    write_json(folder / FILE, json_ready({"format": 1, "study": "cam", **facts, "trials": listed}))


def read_trial(root: Path) -> CamTrial:
    """Read a trial's folder.

    Raises:
        InputError: It is damaged.
    """
    file = root / "trial.json"
    keys = ("arm", "draw_name", "draw", "regions", "classifier", "unet")
    facts = read_record(file, *keys, remedy=ANEW)
    try:
        recipe = facts["classifier"] and ClassifyRecipe.model_validate(facts["classifier"])
        draw = Draw(name=facts["draw_name"], **facts["draw"])
    except (ValueError, TypeError) as error:
        raise InputError(f"{file}: is no trial of this version ({error}); {ANEW}") from None
    return CamTrial(facts["arm"], draw, facts["regions"], recipe, facts["unet"])
