"""The configuration of a MONAI bundle, read as data: references are followed, nothing is evaluated.

MONAI's own parser imports what a file names and evaluates every text that begins with ``$`` as
Python. Here such a text is of one of a few known forms, or the key that needs it is refused.
"""

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from segscope.data.json_files import parse_json, read_text_file
from segscope.errors import InputError

_DEEPEST = 32
_REFERENCE = re.compile(r"^[@%]([A-Za-z_]\w*(?:(?:#|::)\w+)*)$")
_CHOICE = re.compile(r"^(.+?)\s+if\s+@(\w+)\s+else\s+(.+)$", re.DOTALL)
_MOVED = re.compile(r"^@(\w+)\.to\(@?\w+\)$")
_DTYPE = re.compile(
    r"^(?:torch|np|numpy)\.(float16|float32|float64|float|uint8|int16|int32|int64|bool)$"
)


class BundleConfig:
    """A bundle's ``inference`` file.

    Args:
        file: Named in messages.
        values: Parsed.
    """

    def __init__(self, file: Path, values: Mapping[str, Any]) -> None:
        self.file, self._values = file, values

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def raw(self, key: str) -> Any:
        """What stands under a key at the top, references to other keys followed."""
        return self.followed(self._values[key], key)

    def followed(self, value: Any, place: str) -> Any:
        """A value itself where it stands for another key's, what is in it as it is."""
        return self._followed(value, place, 0)

    def plain(self, value: Any, place: str) -> Any:
        """Turn a value into numbers, names, lists and dicts of these.

        Args:
            value: As the file has it.
            place: Of it, for the message.

        Raises:
            InputError: An expression that is of no known form.

        Example:
            >>> config = BundleConfig(Path("inference.json"), {"big": False, "keys": ["image"]})
            >>> config.plain(["@keys#0", "$[3] if @big else [1.5]"], "a")
            ['image', [1.5]]
        """
        return self._plain(value, place, 0)

    def _plain(self, value: Any, place: str, deep: int) -> Any:
        value = self._followed(value, place, deep)
        if isinstance(value, Mapping):
            return {k: self._plain(v, f"{place}#{k}", deep + 1) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self._plain(v, f"{place}#{k}", deep + 1) for k, v in enumerate(value)]
        return value

    def _followed(self, value: Any, place: str, deep: int) -> Any:
        """Follow references, and read expressions of a known form."""
        if deep > _DEEPEST:
            raise InputError(f"{self.file}: {place}: its references go in a circle")
        if not isinstance(value, str):
            return value
        if value.startswith(("@", "%")):
            return self._followed(self._named(value, place), place, deep + 1)
        return self._expression(value, place, deep) if value.startswith("$") else value

    def _named(self, value: str, place: str) -> Any:
        match = _REFERENCE.match(value)
        if match is None:
            raise InputError(
                f"{self.file}: {place}: {value!r} refers to another file or is no name, which is "
                "never followed"
            )
        found: Any = self._values
        for part in match[1].replace("::", "#").split("#"):
            try:
                found = found[int(part)] if isinstance(found, list) else found[part]
            except (KeyError, IndexError, ValueError, TypeError):
                raise InputError(
                    f"{self.file}: {place}: there is no {value[1:]} in this file; copy the whole "
                    "bundle"
                ) from None
        return found

    def _expression(self, value: str, place: str, deep: int) -> Any:
        text = value[1:].strip()
        for known in (_MOVED.match(text), _REFERENCE.match(text)):
            if known is not None:  # the same network on a device, or the thing itself
                return self._followed(f"@{known[1]}", place, deep + 1)
        kind = _DTYPE.match(text)
        if kind is not None:
            return kind[1]
        choice = _CHOICE.match(text)
        if choice is not None:
            flag = self._followed(f"@{choice[2]}", place, deep + 1)
            if isinstance(flag, bool):
                text = choice[1] if flag else choice[3]
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            raise InputError(
                f"{self.file}: {place}: {value!r} is Python, which is never run; of a bundle only "
                "values and references are read"
            ) from None


def read_config(folder: Path, name: str) -> BundleConfig:
    """Read ``configs/NAME.json``, ``.yaml`` or ``.yml`` of a bundle.

    Raises:
        InputError: Not there, or no object of JSON or YAML.
    """
    file = config_file(folder, name)
    if file is None:
        raise InputError(f"{folder}: holds no configs/{name}.json; copy the whole bundle")
    text = read_text_file(file)
    if file.suffix == ".json":
        values = parse_json(file, text)
    else:
        try:
            values = yaml.safe_load(text)
        except (yaml.YAMLError, RecursionError) as error:
            said = " ".join(str(error).split())
            raise InputError(f"{file}: is not YAML ({said}); copy it again") from None
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise InputError(f"{file}: is no object with keys; copy it again")
    return BundleConfig(file, values)


def config_file(folder: Path, name: str) -> Path | None:
    """The file of a bundle's configuration, in any of its formats."""
    files = (folder / "configs" / f"{name}{ending}" for ending in (".json", ".yaml", ".yml"))
    return next((file for file in files if file.is_file()), None)
