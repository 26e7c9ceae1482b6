"""timm, imported without the warnings that older releases give of PyTorch's future."""

import importlib
import warnings
from typing import Any

__all__ = ["import_timm"]


def import_timm() -> Any:
    """Import timm; what it warns of while it is imported concerns its makers, not our users.

    Raises:
        ImportError: It is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module("timm")
