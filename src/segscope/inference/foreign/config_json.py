"""Folders that are known by the keys of their ``config.json``."""

from pathlib import Path

from segscope.data.json_files import read_json
from segscope.errors import InputError


def has_keys(folder: Path, *keys: str) -> bool:
    """Whether a folder that is no run of segscope has a ``config.json`` with these keys.

    Example:
        >>> has_keys(Path("no/such/folder"), "architecture")
        False
    """
    file = folder / "config.json"
    if not file.is_file() or (folder / "model.json").is_file():
        return False
    try:
        facts = read_json(file)
    except InputError:
        return False
    return isinstance(facts, dict) and facts.keys() >= set(keys)
