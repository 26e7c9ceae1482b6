"""What can be known of arguments before anything heavy is loaded: a wrong one is told at once.

What needs a table that packages add to (networks, losses, CAM methods) is told by its room.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segscope.errors import InputError
from segscope.paths import is_folder, is_there
from segscope.workflows.options import as_settings

if TYPE_CHECKING:
    from segscope.workflows.options import CaseOptions

_DEVICE = re.compile(r"(auto|cpu|mps|cuda)(:\d+)?")
_LEVEL = re.compile(r"[Ll]?[0-9]+")
_CASES = ("auto", "validation", "train", "test", "all")


def check_there(path: Path, option: str = "") -> None:
    """Refuse a path with nothing there.

    Args:
        path: That must be there.
        option: That named it.

    Raises:
        InputError: Nothing is there.

    Example:
        >>> check_there(Path("not/there"), "--truth")
        Traceback (most recent call last):
        segscope.errors.InputError: --truth not/there: no such file or folder; check the path
    """
    if not is_there(path):
        raise InputError(f"{option} {path}: no such file or folder; check the path".lstrip())


def check_folder(path: Path | None, option: str) -> None:
    """Refuse what is no folder, where one is named.

    Raises:
        InputError: As said.
    """
    if path is not None and not is_folder(path):
        raise InputError(f"{option} {path}: no such folder; check the path")


def check_device(device: str | None) -> None:
    """Refuse what names no device; whether it is here is known later.

    Raises:
        InputError: As said.

    Example:
        >>> check_device("gpu")
        Traceback (most recent call last):
        segscope.errors.InputError: --device gpu: expected auto, cpu, cuda, cuda:1, ... or mps
    """
    if device is not None and not _DEVICE.fullmatch(device):
        raise InputError(f"--device {device}: expected auto, cpu, cuda, cuda:1, ... or mps")


def check_level(level: str | None) -> None:
    """Refuse what names no level of a nested network.

    Raises:
        InputError: As said.
    """
    if level is not None and not _LEVEL.fullmatch(level):
        raise InputError(f"--level {level}: expected L1, L2, L3 or L4")


def check_choice(option: str, value: str, choices: Sequence[str]) -> None:
    """Refuse what is none of the choices.

    Raises:
        InputError: As said.

    Example:
        >>> check_choice("--empty", "zero", ("nan", "one"))
        Traceback (most recent call last):
        segscope.errors.InputError: --empty zero: expected one of nan, one
    """
    if value not in choices:
        raise InputError(f"{option} {value}: expected one of {', '.join(choices)}")


def check_settings(settings: Mapping[str, Any] | Sequence[str]) -> None:
    """Refuse values of a recipe that are not said as ``key=value``.

    Raises:
        InputError: As said.
    """
    for setting in as_settings(settings):
        key, equals, _ = setting.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--set {setting}: expected key=value, e.g. train.epochs=100")


def check_cases(source: Path, options: "CaseOptions") -> None:
    """Refuse what cannot say which cases go through a network, and where.

    Raises:
        InputError: As said.
    """
    check_there(source)
    check_choice("--cases", options.cases, _CASES)
    check_folder(options.truth, "--truth")
    check_folder(options.masks, "--masks")
    check_device(options.device)
