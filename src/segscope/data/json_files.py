"""JSON that is read back: of a known form, or refused with the file's name and what to do.

Python's parser takes more than JSON is: keys twice (the last one counts), NaN, and nesting until
its stack ends. All of that is refused here, and so is what is no regular file, or far too large.
"""

import json
import math
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from segscope.errors import InputError

T = TypeVar("T")

_LIMIT = 1 << 28  # bytes: a manifest of a hundred thousand cases
_LISTED = 8
_AGAIN = "copy it again"


def read_text_file(path: Path, *, missing: str | None = None, limit: int = _LIMIT) -> str:
    """Read a small UTF-8 file, with or without a byte order mark.

    Args:
        path: The file.
        missing: What to say where it is not there.
        limit: Most bytes.

    Raises:
        InputError: Not there, no regular file (a folder, a pipe, a link to itself), too large, may
            not be read, or not UTF-8.
    """
    path = Path(path)
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise InputError(f"{path}: is a folder where a file is expected; check the path")
        if not stat.S_ISREG(found.st_mode):
            raise InputError(f"{path}: is no regular file; check the path")
        if found.st_size > limit:
            raise InputError(
                f"{path}: has {found.st_size} bytes, at most {limit} are expected; check the path"
            )
        return path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(missing or f"{path}: no such file; check the path") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text ({error.reason}); {_AGAIN}") from None
    except InputError:
        raise
    except (OSError, ValueError) as error:  # a loop, a name too long, no permission, a NUL
        said = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({said}); check the path") from None


def read_json(
    path: Path, *, missing: str | None = None, remedy: str = _AGAIN, limit: int = _LIMIT
) -> Any:
    """Read a JSON file.

    Args:
        path: The file.
        missing: What to say where it is not there.
        remedy: What to do about a damaged one.
        limit: Most bytes.

    Raises:
        InputError: As of `read_text_file`; not JSON; a key twice in one object; NaN, infinities or
            numbers beyond a float's range.
    """
    text = read_text_file(path, missing=missing, limit=limit)
    return parse_json(path, text, remedy=remedy)


def parse_json(path: Path, text: str, *, remedy: str = _AGAIN) -> Any:
    """Parse the text of a JSON file, as `read_json` does."""
    try:
        return json.loads(
            text, object_pairs_hook=_once, parse_constant=_refused, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error}); {remedy}") from None


def read_typed(
    path: Path, kind: type[T], *, what: str, missing: str | None = None, remedy: str = _AGAIN
) -> T:
    """Read a JSON file of a known form.

    Args:
        path: The file.
        kind: Anything pydantic understands: a model, a dataclass, ``dict[str, int]``.
        what: What the file is, for the message: "a split of segscope".
        missing: What to say where it is not there.
        remedy: What to do about a damaged one.

    Raises:
        InputError: As of `read_json`; of another form: the places at fault are listed.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "a.json"
        >>> _ = file.write_text('{"a": 1}')
        >>> read_typed(file, dict[str, int], what="a table of numbers")
        {'a': 1}
    """
    return as_typed(path, read_json(path, missing=missing, remedy=remedy), kind, what=what,
                    remedy=remedy)  # fmt: skip


def read_record(path: Path, *keys: str, remedy: str = _AGAIN) -> dict[str, Any]:
    """Read a JSON object that has some keys at least.

    Raises:
        InputError: As of `read_json`; no object, or a key is missing.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "a.json"
        >>> _ = file.write_text('{"a": 1}')
        >>> read_record(file, "a")
        {'a': 1}
    """
    found = read_json(path, remedy=remedy)
    lost = [key for key in keys if not isinstance(found, dict) or key not in found]
    if lost or not isinstance(found, dict):
        raise InputError(f"{path}: does not say {', '.join(lost) or 'anything'}; {remedy}")
    return found


def as_typed(path: Path, value: Any, kind: type[T], *, what: str, remedy: str = _AGAIN) -> T:
    """Check the form of what a JSON file holds, as `read_typed` does."""
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        faults = faults_of(error)
    except (OverflowError, RecursionError, ValueError, TypeError) as error:
        faults = [str(error)]
    raise InputError(f"{path}: is not {what}; {remedy}:", _some(faults))


def as_written(path: Path, value: Any, kind: type[T], *, what: str, remedy: str = _AGAIN) -> T:
    """The same for a file that holds exactly what was written: nothing is filled in or converted.

    Raises:
        InputError: Also where a key is missing that has a default, or a value is of another kind
            ("2", true or 2.0 for the whole number 2).
    """
    read = as_typed(path, value, kind, what=what, remedy=remedy)
    faults = list(_differences(TypeAdapter(kind).dump_python(read, mode="json"), value, ""))
    if faults:
        raise InputError(f"{path}: is not {what}, as it was written; {remedy}:", _some(faults))
    return read


def faults_of(error: ValidationError, whole: str = "") -> list[str]:
    """Say where each fault is and what it is; ``whole`` is where it is in no single key.

    Example:
        >>> try:
        ...     TypeAdapter(dict[str, int]).validate_python({"a": "b"})
        ... except ValidationError as error:
        ...     faults_of(error)
        ['a: Input should be a valid integer, unable to parse string as an integer']
    """
    found = []
    for fault in error.errors():
        where = ".".join(str(part) for part in fault["loc"]) or whole
        said = str(fault["msg"]).removeprefix("Value error, ")
        found.append(f"{where}: {said}" if where else said)
    return found


def missing_keys(written: Any, found: Any) -> list[str]:
    """Name the keys, at any depth, that are in what would be written and not in what was found.

    Example:
        >>> missing_keys({"a": {"b": 1}, "c": 2}, {"a": {}, "c": 3})
        ['a.b']
    """
    faults = _differences(written, found, "")
    return [fault.removesuffix(_GONE) for fault in faults if fault.endswith(_GONE)]


_GONE = ": is missing"


def _differences(meant: Any, found: Any, where: str) -> Iterator[str]:
    if isinstance(meant, dict) and isinstance(found, dict):
        for key, value in meant.items():
            place = f"{where}.{key}" if where else str(key)
            if key in found:
                yield from _differences(value, found[key], place)
            else:
                yield f"{place}{_GONE}"
        yield from (f"{where}.{key}: is not known".lstrip(".") for key in found if key not in meant)
    elif isinstance(meant, list | tuple) and isinstance(found, list | tuple):
        if len(meant) != len(found):
            yield f"{where}: {len(meant)} values expected, {len(found)} found"
        for number, (one, other) in enumerate(zip(meant, found, strict=False)):
            yield from _differences(one, other, f"{where}.{number}")
    elif not _same(meant, found):
        yield f"{where}: {meant!r} expected, {found!r} found"


def _same(meant: Any, found: Any) -> bool:
    whole = isinstance(meant, float) and type(found) is int  # JSON of others may write 1 for 1.0
    return (type(meant) is type(found) or whole) and bool(meant == found)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise ValueError(f"the key {counts.most_common(1)[0][0]!r} is there more than once")
    return found


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large")
    return value


def _some(faults: Iterable[str]) -> list[str]:
    listed = list(faults)
    rest = len(listed) - _LISTED
    return [*listed[:_LISTED], *([f"and {rest} more"] if rest > 0 else [])]
