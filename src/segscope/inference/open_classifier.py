"""The door to classifiers: a run of segscope, or a folder of timm."""

from pathlib import Path

from segscope.inference.classify import ClassifierModel, is_classifier, load_classifier
from segscope.inference.foreign.timm import is_timm, open_timm


def holds_classifier(path: Path) -> bool:
    """Whether a folder holds a classifier of any kind."""
    return is_classifier(path) or is_timm(path)


def open_classifier(path: Path, *, weights: str = "best", device: str = "cpu") -> ClassifierModel:
    """Open a classifier of any kind.

    Args:
        path: Its folder.
        weights: Of a run: ``best`` or ``last``.
        device: ``auto``, ``cpu``, ``cuda``, ...

    Raises:
        InputError: As of `load_classifier` and `open_timm`.
    """
    if is_timm(path):
        return open_timm(path, device=device)
    return load_classifier(path, weights=weights, device=device)
