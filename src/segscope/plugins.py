"""Things of a user's own by name: what installed packages declare as entry points.

    [project.entry-points."segscope.networks"]
    my_net = "my_package.nets:MyNet"

Packages are searched when a name is asked for or names are listed, once per process, and one is
imported when a name of its own is asked for. Only the name goes into files and to other processes,
which look it up again; a name never stands for two things.
"""

import difflib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from segscope.errors import InputError, WorkError, is_of_memory

T = TypeVar("T")


@dataclass(frozen=True)
class Declared:
    """A name that an installed package declares.

    Args:
        package: The package as pip takes it, ``my-package==1.0``.
        place: Of the object, ``my_package.nets:MyNet``.
    """

    package: str
    place: str


class Kind(Generic[T]):
    """Things of one kind by name: segscope's own, and those of installed packages.

    Args:
        what: One of them, in a word, for messages: ``network``.
        group: Of the entry points.
        own: segscope's own.
        check: What is wrong with an object that a package declares, or nothing.

    Example:
        >>> kind = Kind("colour", "segscope.colours", {"red": 1}, lambda found: "")
        >>> kind.get("red"), kind.names(), kind.declared("red")
        (1, ('red',), None)
        >>> kind.get("rad")
        Traceback (most recent call last):
        ValueError: unknown colour 'rad', did you mean 'red'? Known: red
    """

    def __init__(
        self, what: str, group: str, own: Mapping[str, T], check: Callable[[Any], str]
    ) -> None:
        self.what, self.group, self.own = what, group, own
        self._check = check

    def names(self) -> tuple[str, ...]:
        """All names, segscope's own first; nothing is imported for it."""
        return tuple(dict.fromkeys((*self.own, *sorted(_entries(self.group)))))

    def declared(self, name: str) -> Declared | None:
        """Which package a name comes from; None for segscope's own and for unknown ones."""
        found = _entries(self.group).get(name, ())
        if name in self.own or not found:
            return None
        return Declared(_package(found[0]), found[0].value)

    def get(self, name: str) -> T:
        """Return what a name stands for; of a package, its module is imported now.

        Raises:
            ValueError: Nothing has this name.
            InputError: Two have it; the package fails to import, or declares what is no such thing.
        """
        found = _entries(self.group).get(name, ())
        packages = [*(["segscope"] if name in self.own else []), *map(_package, found)]
        if len(packages) > 1:
            raise InputError(
                f"{self.what} {name!r}: is declared by {' and by '.join(packages)}; uninstall "
                f"{'that' if name in self.own else 'one'} package, or name its {self.what} anew"
            )
        if name in self.own:
            return self.own[name]
        if not found:
            near = difflib.get_close_matches(name, self.names(), n=1, cutoff=0.0)
            meant = f", did you mean {near[0]!r}?" if near else "."
            raise ValueError(
                f"unknown {self.what} {name!r}{meant} Known: {', '.join(self.names())}"
            )
        return self._load(name, found[0])

    def need(self, name: str, package: str | None) -> str:
        """Look whether the package that a run was made with is here.

        Args:
            name: As the run names it.
            package: As the run names it, ``my-package==1.0``; None for segscope's own.

        Returns:
            What a person should know: that another version is installed; mostly nothing.

        Raises:
            InputError: The package is not here, or declares the name no more.
        """
        here = self.declared(name)
        if package is None or (here is not None and here.package == package):
            return ""
        project = package.partition("==")[0]
        if here is None or here.package.partition("==")[0] != project:
            instead = "no package here declares it" if here is None else f"here {here.package} does"
            if name in self.own:
                instead = "here segscope has one of this name"
            raise InputError(
                f"{self.what} {name!r}: is of the package {package}, and {instead}; "
                f"install it: pip install {package}"
            )
        return (
            f"{self.what} {name!r}: was of {package} when this was made, and is of {here.package} "
            f"now, which may not be the same; pip install {package} brings the old one back"
        )

    def fault(self, name: str, said: str) -> InputError:
        """The error that says what is wrong with a package's object, after its name."""
        return InputError(
            f"{self.what} {name!r} of {_said(self.declared(name))}: {said} (what a {self.what} "
            f"must be: ARCHITECTURE.md, {self.group})"
        )

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Whatever a package's object raises becomes an error that names the package.

        Errors of segscope's own pass as they are, and so does memory that ran out.
        """
        try:
            yield
        except (InputError, WorkError):
            raise
        except Exception as error:
            known = self.declared(name)
            if known is None or is_of_memory(error):
                raise
            raise InputError(
                f"{self.what} {name!r} of {_said(known)}: failed ({_words(error)}); mend it, or "
                "ask whoever wrote it"
            ) from error

    def _load(self, name: str, entry: EntryPoint) -> T:
        package = _package(entry)
        try:
            found = entry.load()
        except (Exception, SystemExit) as error:
            raise InputError(
                f"{self.what} {name!r}: {package} declares it, and importing {entry.value} fails "
                f"({_words(error)}); install what it needs, mend it, or uninstall {package}"
            ) from error
        fault = self._check(found)
        if fault:
            raise self.fault(name, fault)
        loaded: T = found
        return loaded


def plain(value: object) -> str:
    """Say what an object is, in a message on what it should be.

    Example:
        >>> plain(3), plain(Declared), plain(plain)
        ('an int', 'the class Declared', 'the function plain')
    """
    if isinstance(value, type):
        return f"the class {value.__name__}"
    kind = type(value).__name__
    if kind == "function":
        return f"the function {getattr(value, '__name__', '')}"
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"


def other_than(found: object, wanted: type) -> str:
    """Say that an object is none of a class, by the class's public name; nothing where it is.

    Example:
        >>> other_than(3, Declared), other_than(3, int)
        ('is an int, where a segscope.plugins.Declared is expected', '')
    """
    if isinstance(found, wanted):
        return ""
    room = ".".join(wanted.__module__.split(".")[:2])
    return f"is {plain(found)}, where a {room}.{wanted.__name__} is expected"


def installed() -> dict[str, str]:
    """All that installed packages declare for segscope: ``group:name`` to package; none imported.

    Example:
        >>> all(key.startswith("segscope.") for key in installed())
        True
    """
    groups = sorted(group for group in entry_points().groups if group.startswith("segscope."))
    found = [entry for group in groups for entry in entry_points(group=group)]
    return {f"{entry.group}:{entry.name}": _package(entry) for entry in found}


def _entries(group: str) -> dict[str, tuple[EntryPoint, ...]]:
    return _searched(group, tuple(sys.path))


@cache
def _searched(group: str, path: tuple[str, ...]) -> dict[str, tuple[EntryPoint, ...]]:
    """Look through what is installed, a hundredth of a second; ``path`` tells whether it is new."""
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for entry in entry_points(group=group):
        found[entry.name] = (*found.get(entry.name, ()), entry)
    return {name: tuple(sorted(several, key=_package)) for name, several in found.items()}


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name}=={entry.dist.version}" if entry.dist else "an unknown package"


def _said(known: Declared | None) -> str:
    return "segscope" if known is None else f"{known.package} ({known.place})"


def _words(error: BaseException) -> str:
    said = " ".join(str(error).split())
    return f"{type(error).__name__}{': ' if said else ''}{said}"
