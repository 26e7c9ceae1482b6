"""Train, prune, explain and quality-control networks that segment medical images.

What the commands do, Python does by the same names, loaded when first used::

    import segscope

    segscope.train("Dataset004_Hippocampus", "runs/hippocampus", folds=5)
    segscope.predict("runs/hippocampus", "new_images", "predictions")

and so `check`, `prepare`, `evaluate`, `audit`, `quality` and `report`; see
`segscope.workflows.verbs`. Two of these are also names of rooms: ``segscope.audit`` and
``segscope.report`` are packages that can be called.
"""

import sys
from importlib import import_module
from importlib.metadata import version
from types import ModuleType
from typing import Any

__version__ = version("segscope")
__all__ = ["__version__"]

_VERBS = ("audit", "check", "evaluate", "predict", "prepare", "quality", "report", "train")
_ROOMS = ("audit", "report")  # which have the name of a verb


class _Room(ModuleType):
    """A package that is called as the verb of its name."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return _verb(self.__name__.rpartition(".")[2])(*arguments, **options)


class _Package(ModuleType):
    """This package; the import system puts rooms here, whoever imports them."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _ROOMS and isinstance(value, ModuleType):
            value.__class__ = _Room
        super().__setattr__(name, value)


def _verb(name: str) -> Any:
    # a name in a string: what is below need not know what is above
    return getattr(import_module("segscope.workflows.verbs"), name)


def __getattr__(name: str) -> Any:
    """Load a verb when it is first asked for."""
    if name in _ROOMS:
        return import_module(f"segscope.{name}")
    if name in _VERBS:
        return _verb(name)
    raise AttributeError(f"module 'segscope' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_VERBS})


sys.modules[__name__].__class__ = _Package
