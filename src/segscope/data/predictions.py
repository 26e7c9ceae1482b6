"""A folder of predictions, as its ``manifest.json`` says: what its files are, what its labels mean.

Read here without the rooms that predict, so that whoever only scores or lists predictions need not
load a network.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segscope.errors import InputError
from segscope.paths import read_text

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Predictions:
    """What is known of predictions in a folder.

    Args:
        files: Case to the names of its files.
        labels: Name to value, background included; None where it is not known, or where models
            with different labels predicted into the folder.
    """

    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labels: Mapping[str, int] | None = None


def read_predictions(folder: Path) -> Predictions:
    """Read what a folder's manifest says of its predictions; nothing where it has none of ours."""
    try:
        facts = json.loads(read_text(Path(folder) / MANIFEST))
        cases: dict[str, Any] = facts["cases"]
        files = {name: tuple(map(str, entry["outputs"])) for name, entry in cases.items()}
        models = {entry["made_by"].get("weights_sha256") for entry in cases.values()}
        meant = [_labels(facts.get("labels", {}).get(model)) for model in sorted(map(str, models))]
    except (InputError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Predictions()
    agree = bool(meant) and all(one == meant[0] for one in meant)
    return Predictions(files, meant[0] if agree else None)


def _labels(found: Any) -> dict[str, int] | None:
    if not isinstance(found, dict) or not all(type(value) is int for value in found.values()):
        return None
    return dict(found)
