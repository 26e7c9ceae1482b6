"""A recipe: all that decides a training, as one typed YAML file.

A recipe is complete: nothing that changes the result is decided elsewhere. `planner.plan_recipe`
makes one from a dataset's fingerprint, a preset or a file replaces parts of it, and single values
are set by ``key=value``. Unknown keys are errors that name the nearest known one.
"""

import difflib
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from segscope.data.json_files import missing_keys, read_text_file
from segscope.errors import InputError
from segscope.preprocessing import Inputs, MaskPlan, Plan, mask_channels
from segscope.training.augment import AugmentPlan

_MOST_BYTES = 1 << 22  # of a recipe
_MOST_VALUES = 1 << 17


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NetworkRecipe(_Section):
    """Which network, and how wide; ``options`` go to its constructor as they are."""

    name: str
    widths: tuple[int, ...] = Field(min_length=2)
    norm: Literal["batch", "instance", "group"] = "batch"
    strides: tuple[tuple[int, ...], ...] | None = None
    output: Literal["softmax", "sigmoid"] = "softmax"
    options: dict[str, Any] = {}


class LossRecipe(_Section):
    """Which loss; with deep supervision it is summed over all heads of the network.

    ``plus`` adds others, name to weight. ``minmax`` is the learning rate at which a content loss's
    features are trained against the network (0: they stay as they are). ``prototype`` is the
    weight of the online loss on layers' features (`PrototypeLoss`), over ``prototype_layers``:
    ``auto`` or a list of names. ``soft_labels`` is what is taken off the truth's 1 and given to
    its 0 (`SoftLabels`), for ``name`` and ``plus``; the content loss has an option of its own.
    """

    name: str = "dice_ce"
    deep_supervision: bool = True
    head_weights: tuple[float, ...] | None = None
    options: dict[str, Any] = {}
    plus: dict[str, float] = {}
    minmax: float = Field(default=0.0, ge=0)
    prototype: float = Field(default=0.0, ge=0)
    prototype_layers: Literal["auto"] | tuple[str, ...] = "auto"
    prototype_detach_guide: bool = False
    # not written where nothing is softened: recipes from before it was there stay whole
    soft_labels: float = Field(default=0.0, ge=0, lt=0.5, exclude_if=lambda amount: amount == 0)


class TrainRecipe(_Section):
    """How the weights are found.

    Training ends after ``epochs`` or ``max_minutes``, whichever comes first; the learning rate
    falls to its end over the same span. ``max_minutes`` is the whole command, from reading the
    dataset to the final evaluation of the validation cases, which gets up to a third of it.
    ``validate_every`` counts epochs: the rarer, the more of the validation cases is measured each
    time, which never takes more than a tenth of the time. ``patience`` counts epochs without a
    better validation Dice (0: never stop early). ``snapshots`` names epochs (from 1) whose weights
    are kept beside best and last. ``workers`` prepare samples beside the training: ``auto`` as many
    as keep up with the network, measured when it begins, and none where that would not pay. Their
    number changes no result.
    """

    epochs: int = Field(ge=1)
    steps_per_epoch: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    max_minutes: float | None = Field(default=None, gt=0)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    warmup_steps: int = Field(default=20, ge=0)
    schedule: Literal["cosine", "poly", "constant", "halving"] = "cosine"
    gradient_clip: float = Field(default=12.0, gt=0)
    validate_every: int = Field(default=1, ge=1)
    patience: int = Field(default=0, ge=0)
    snapshots: tuple[int, ...] = ()
    foreground_share: float = Field(default=0.33, ge=0, le=1)
    seed: int = Field(default=0, ge=0)
    workers: Annotated[int, Field(ge=0)] | Literal["auto"] = "auto"
    device: str = "auto"
    devices: int = Field(default=1, ge=1)
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    compile: Literal["auto", "yes", "no"] = "auto"
    deterministic: bool = False

    @field_validator("compile", mode="before")
    @classmethod
    def _yes_or_no(cls, value: Any) -> Any:
        """YAML reads a plain yes or no as true or false."""
        return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value


class Recipe(_Section):
    """Everything that decides a training.

    Args:
        preset: The preset that was asked for; for the reader, decides nothing.
        inputs: What the network is shown: the image, a global binary mask, or both.
        mask: How that mask is made; needed with, and only for, inputs that have one.
        patch: Size of a training sample in prepared voxels, one number per network axis.
        packages: Installed packages that things named here are of, such as
            ``{"network my_net": "my-package==1.0"}``; noted when a run is planned. The key is not
            written where all are segscope's own.
    """

    format: Literal[1] = 1
    preset: str = "default"
    inputs: Inputs = "image"
    mask: MaskPlan | None = None
    preprocessing: Plan
    patch: tuple[int, ...]
    network: NetworkRecipe
    loss: LossRecipe = LossRecipe()
    train: TrainRecipe
    augment: AugmentPlan = AugmentPlan()
    packages: dict[str, str] = Field(default={}, exclude_if=lambda packages: not packages)

    @model_validator(mode="after")
    def _inputs_agree(self) -> "Recipe":
        framed = self.mask is not None and self.mask.frame == "template"
        if (self.mask is None) != (self.inputs == "image") and not framed:
            raise ValueError(
                "inputs gbm and image+gbm need mask.method (threshold, network, file or labels), "
                "inputs image takes none but for mask.frame template; got inputs "
                f"{self.inputs} and mask {self.mask}"
            )
        if framed != (self.preprocessing.frame == "template"):
            raise ValueError("preprocessing.frame is planned from mask.frame; leave it out")
        masks = mask_channels(self.preprocessing)
        if len(masks) != (self.inputs != "image") or masks != self.augment.mask_channels:
            raise ValueError(
                f"inputs {self.inputs}: the channels of preprocessing and augment.mask_channels do "
                "not fit; leave both out, they are planned"
            )
        return self


def preset_names() -> tuple[str, ...]:
    """Return the names of the presets that segscope ships.

    Example:
        >>> "anunet" in preset_names()
        True
    """
    folder = resources.files("segscope.training") / "presets"
    return tuple(sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".yaml")))


def load_partial(name_or_file: str) -> dict[str, Any]:
    """Read a preset by name, or a (partial or complete) recipe from a YAML file."""
    if name_or_file in preset_names():
        preset = resources.files("segscope.training") / "presets" / f"{name_or_file}.yaml"
        return {**_parse(preset.read_text("utf-8"), name_or_file), "preset": name_or_file}
    path = Path(name_or_file)
    if not path.is_file():
        raise InputError(
            f"--recipe {name_or_file}: neither a file nor a preset"
            f"{_nearest(name_or_file, preset_names())}; presets: {', '.join(preset_names())}"
        )
    return _parse(read_text_file(path, limit=_MOST_BYTES), name_or_file)


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """Turn ``["train.epochs=3"]`` into ``{"train": {"epochs": 3}}``; values are YAML.

    Example:
        >>> parse_settings(["network.widths=[8, 16]", "train.max_minutes=2"])
        {'network': {'widths': [8, 16]}, 'train': {'max_minutes': 2}}
    """
    result: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--set {setting}: expected key=value, e.g. train.epochs=100")
        nested: Any = _parse_value(value, setting)
        for word in reversed(key.strip().split(".")):
            nested = {word: nested}
        result = merge(result, nested)
    return result


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Lay ``changes`` over ``base``, section by section; a change of a network, loss or plan
    kind (``name``) drops the options that belonged to the former one.

    Example:
        >>> merge({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})
        {'a': {'b': 3, 'c': 2}}
    """
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            renamed = "name" in value and value["name"] != old.get("name")
            kept = {k: v for k, v in old.items() if k != "options"} if renamed else old
            merged[key] = merge(kept, value)
        else:
            merged[key] = value
    return merged


def recipe_from(values: Mapping[str, Any], *, source: str) -> Recipe:
    """Check every value; all faults are reported at once, unknown keys with the nearest name."""
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        faults = [_explain(fault) for fault in error.errors()]
        raise InputError(f"recipe ({source}) is not usable:", faults) from None


def read_recipe(path: Path) -> Recipe:
    """Read the complete recipe of a run.

    Raises:
        InputError: Not such a file; a key is missing, which would take a default unsaid.
    """
    values = load_partial(str(path))
    recipe = recipe_from(values, source=str(path))
    check_whole(path, recipe, values)
    return recipe


def check_whole(file: Path, recipe: BaseModel, values: Mapping[str, Any]) -> None:
    """Refuse a run's recipe that leaves something to defaults, which may have changed since.

    Raises:
        InputError: With all the keys that are missing.
    """
    lost = missing_keys(recipe.model_dump(mode="json"), values)
    if lost:
        raise InputError(
            f"{file}: is not whole; a run's recipe names everything: put the old file back, or "
            "write in what is meant:",
            [f"{key}: is missing" for key in lost],
        )


def recipe_to_yaml(recipe: Recipe) -> str:
    """Write a recipe so that a person can read and change it."""
    text: str = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, width=96)
    return text


def _explain(fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"])
    if not where:  # of the recipe as a whole
        return str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] != "extra_forbidden":
        return f"{where}: {fault['msg']}, got {reprlib.repr(fault['input'])}"
    word, known = str(fault["loc"][-1]), _known_keys(fault["loc"][:-1])
    elsewhere = [key for key in _every_key(Recipe) if key.rpartition(".")[2] == word]
    return f"{where}: unknown key{_nearest(word, known if not elsewhere else elsewhere[:1])}"


def _every_key(model: Any, before: str = "") -> Iterator[str]:
    for name, field in getattr(model, "model_fields", {}).items():
        yield f"{before}{name}"
        for kind in (field.annotation, *get_args(field.annotation)):
            yield from _every_key(kind, f"{before}{name}.")


def nearest_key(word: str, known: Sequence[str], *, what: str = "key") -> InputError:
    """Say that nothing has this name, and what comes nearest."""
    return InputError(
        f"{word}: no {what} of a recipe{_nearest(word, known)}; "
        f"segscope recipe {'keys' if what == 'key' else 'list'} shows all"
    )


def _known_keys(section: Sequence[Any]) -> tuple[str, ...]:
    model: Any = Recipe
    for name in section:
        field = getattr(model, "model_fields", {}).get(name)
        if field is None:
            return ()
        model = field.annotation
    return tuple(getattr(model, "model_fields", {}))


def _nearest(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.0)
    return f", did you mean {close[0]!r}?" if close else ""


class _Loader(yaml.SafeLoader):
    """Plain YAML in which no key is there twice, of which the last one would count."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = [key for number, key in enumerate(keys) if key in keys[:number]]
        if twice:
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"the key {twice[0]!r} is there twice, from line {line} on")
        return super().construct_mapping(node, deep=deep)


def load_yaml(text: str, source: str) -> Any:
    """Read plain YAML.

    Raises:
        InputError: It is none, nested without end, or has a key twice.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        if _expanded(node, {}) > _MOST_VALUES:
            raise ValueError(f"its aliases stand for more than {_MOST_VALUES} values")
        return loader.construct_document(node)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        said = " ".join(str(error).split()) or "nested too deep"
        raise InputError(f"{source}: not a YAML file segscope can read: {said}") from None


def _expanded(node: Any, known: dict[int, int]) -> int:
    """How many values a node stands for when its aliases are written out."""
    if id(node) not in known:
        known[id(node)] = _MOST_VALUES  # until it is counted: a node inside itself
        parts = node.value if isinstance(node.value, list) else []
        inner = [part for entry in parts for part in (entry if type(entry) is tuple else (entry,))]
        known[id(node)] = 1 + sum(_expanded(part, known) for part in inner)
    return known[id(node)]


def _parse(text: str, source: str) -> dict[str, Any]:
    values = load_yaml(text, source)
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        shown = reprlib.repr(values)
        raise InputError(f"{source}: expected sections such as network: and train:, got {shown}")
    return values


def _parse_value(text: str, setting: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise InputError(f"--set {setting}: the value is not YAML; quote it") from None
    if isinstance(value, str):
        try:  # YAML 1.1 reads 1e-3 as text
            return float(value)
        except ValueError:
            return value
    return value
