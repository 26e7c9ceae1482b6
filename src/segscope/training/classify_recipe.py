"""All that decides the training of a classifier."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from segscope.data.json_files import read_text_file
from segscope.errors import InputError
from segscope.inference.classify import check_size
from segscope.training.recipe import check_whole, load_yaml

_MOST_BYTES = 1 << 22


class ClassifyRecipe(BaseModel):
    """All that decides the training of a classifier.

    Args:
        network: Name, see `segscope.networks.classifier`.
        column: Of ``cases.csv``, with the classes.
        size: Rows and columns that images are brought to; three sides for volumes.
        weights: ``random``; ``pretrained``, from its package's cache or fetched; or a file of the
            same architecture's weights.
        epochs: At most.
        max_minutes: Of the whole training, reading and final scores included, at most; the learning
            rate falls to its end over the same span.
        patience: Epochs without a better validation accuracy, or a lower loss at the same, before
            it ends (0: never early).
        batch_size: About; batches of an epoch differ by at most one image.
        learning_rate: Of AdamW, falling to 0 by a cosine over ``epochs``, or constant.
        schedule: See above.
        weight_decay: Of AdamW.
        flips: Mirror half of the images left to right, and half up and down.
        val_share: Of each class's images that validate, by group.
        seed: Of everything.
        device: ``auto``, ``cpu``, ``cuda``, ...
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format: Literal[1] = 1
    network: str = "xception"
    column: str = "class"
    size: tuple[int, ...] = (128, 128)
    weights: str = "random"
    epochs: int = Field(default=200, ge=1)
    max_minutes: float | None = Field(default=None, gt=0)
    patience: int = Field(default=30, ge=0)
    batch_size: int = Field(default=16, ge=2)
    learning_rate: float = Field(default=1e-3, gt=0)
    schedule: Literal["constant", "cosine"] = "constant"
    weight_decay: float = Field(default=1e-4, ge=0)
    flips: bool = True
    val_share: float = Field(default=0.2, gt=0, le=0.5)
    seed: int = Field(default=0, ge=0)
    device: str = "auto"

    @field_validator("size")
    @classmethod
    def _sides(cls, size: tuple[int, ...]) -> tuple[int, ...]:
        check_size(size)
        return size


def classify_recipe(settings: Mapping[str, Any]) -> ClassifyRecipe:
    """Check settings; all faults are reported at once.

    Raises:
        InputError: Unknown keys or unusable values.
    """
    try:
        return ClassifyRecipe.model_validate(settings)
    except ValidationError as error:
        known = ", ".join(ClassifyRecipe.model_fields)
        faults = [
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}"
            + (f"; there are {known}" if e["type"] == "extra_forbidden" else "")
            for e in error.errors()
        ]
        raise InputError("classifier's recipe is not usable:", faults) from None


def read_classify_recipe(folder: Path) -> ClassifyRecipe:
    """Read the recipe of a run.

    Raises:
        InputError: Not there, or not such a recipe.
    """
    file = folder / "recipe.yaml"
    missing = f"{file}: is missing; name a run of segscope classify"
    values = load_yaml(read_text_file(file, missing=missing, limit=_MOST_BYTES), str(file))
    if not isinstance(values, dict):
        raise InputError(f"{file}: is no recipe (a {type(values).__name__}); put the old one back")
    recipe = classify_recipe(values)
    check_whole(file, recipe, values)
    return recipe
