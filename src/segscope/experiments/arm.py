"""What is compared: a name, and changes to the recipe that is planned for the data.

Also arms that train no such recipe: the predictions of a run, or of any other tool, in a folder;
and what a function of the package makes, as a study's classifier.
"""

import re
import shlex
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from segscope.errors import InputError
from segscope.networks import NETWORK
from segscope.training import load_partial, parse_settings, preset_names

_FORMS = (
    "NETWORK (the rest as planned), PRESET, NAME=PRESET, NAME=FILE.yaml, "
    '"NAME: key=value key=value", NAME=run:FOLDER or NAME=predictions:FOLDER'
)


class Arm(BaseModel):
    """One way to get predictions.

    Args:
        name: For tables; letters, digits and ``+-_. ()``.
        kind: ``train`` a recipe, predict with a ``run``, score a folder of ``predictions``, or do
            other ``work``.
        recipe: Changes to the planned recipe, whole: of a preset, a file and settings.
        folder: Of a run or of predictions.
        weights: ``last``, or ``best`` on cases of the training subjects that do not train.
        work: Function of a `Task`, as ``segscope.module:function``, for kind ``work``.
        options: Plain values for that function.
        after: Steps of the experiment whose trials come before this arm's, and are given to them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Literal["train", "run", "predictions", "work"] = "train"
    recipe: dict[str, Any] = {}
    folder: str | None = None
    weights: Literal["last", "best"] = "last"
    work: str | None = None
    options: dict[str, Any] = {}
    after: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> "Arm":
        if not re.fullmatch(r"[\w+\-. ()]{1,60}", self.name):
            raise ValueError(f"arm {self.name!r}: letters, digits and +-_. () are possible")
        if (self.kind in ("run", "predictions")) != (self.folder is not None):
            raise ValueError(f"arm {self.name}: a folder is for kind run or predictions")
        if (self.kind == "work") != (self.work is not None):
            raise ValueError(f"arm {self.name}: a function is for kind work")
        # an experiment's file may come from anybody: it calls nothing but the package's own
        if self.work is not None and not re.fullmatch(r"segscope(\.\w+)+:[a-z]\w*", self.work):
            raise ValueError(f"arm {self.name}: {self.work!r} is no segscope.module:function")
        return self


def parse_arm(text: str) -> Arm:
    """Read ``--arm``.

    A network's name alone changes the network of the planned recipe; ``a=anunet`` takes the preset
    of this name, a paper's whole set-up.

    Raises:
        InputError: Not one of the forms, or no such preset, file or folder.

    Example:
        >>> parse_arm("tv: loss.name=tversky train.epochs=3").recipe["loss"]
        {'name': 'tversky'}
        >>> parse_arm("anunet").recipe["network"]["name"]
        'anunet'
    """
    name, colon, settings = text.partition(":")
    if colon and "=" in settings and "=" not in name:
        return _arm(text, name=name.strip(), recipe=parse_settings(shlex.split(settings)))
    name, equals, source = (part.strip() for part in text.partition("="))
    if not equals and name in NETWORK.names():  # on the planned recipe, not on a paper's set-up
        return _arm(text, name=name, recipe={"network": {"name": name}})
    if not equals:
        return _arm(text, name=name, recipe=_of_name(text, name))
    for kind in ("run", "predictions"):
        if source.startswith(f"{kind}:"):
            folder = Path(source.removeprefix(f"{kind}:"))
            if not folder.is_dir():
                raise InputError(f"--arm {text}: {folder} is no folder")
            return _arm(text, name=name, kind=kind, folder=str(folder.resolve()))
    if "=" in source:
        return _arm(text, name=name, recipe=parse_settings([source]))
    return _arm(text, name=name, recipe=_of_name(text, source))


def _of_name(text: str, name: str) -> dict[str, Any]:
    if name in preset_names() or Path(name).is_file():
        return load_partial(name)
    raise InputError(
        f"--arm {text}: {name!r} is no network ({', '.join(NETWORK.names())}), preset "
        f"({', '.join(preset_names())}) or file; possible are {_FORMS}"
    )


def _arm(text: str, **values: Any) -> Arm:
    try:
        return Arm.model_validate(values)
    except ValueError as error:
        said = str(error).splitlines()[-2].strip().removeprefix("Value error, ").split(" [type")[0]
        raise InputError(f"--arm {text}: {said}; possible are {_FORMS}") from None
