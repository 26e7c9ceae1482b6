"""What a dataset says of itself: ``dataset.json`` (nnU-Net v2, and v1's wording).

Nothing here raises for a wrong entry: faults are collected, so that a person sees all of them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from segscope.data.description_keys import key_warnings, misspelt
from segscope.data.formats import format_of, image_ending
from segscope.data.label_names import Fault, is_number, number_of, parse_labels, parse_mapping
from segscope.data.listing import Listed, parse_dataset, parse_version_1
from segscope.data.names import clean, has_control, shown
from segscope.data.problems import Problem
from segscope.data.regular import why_no_file

_T = TypeVar("_T")
_EXAMPLE = (
    '{"channel_names": {"0": "T1"}, "labels": {"background": 0, "lesion": 1}, '
    '"numTraining": 20, "file_ending": ".nii.gz"}'
)


@dataclass(frozen=True)
class Description:
    """The usable content of ``dataset.json``.

    Args:
        name: Of the dataset, where it is given.
        channel_names: In the order of the channel numbers.
        labels: Name to value, sorted by value, 0..K-1; 0 is ``background``.
        file_ending: Of images, with its dot.
        label_file_ending: Of labels, where that is said (``label_file_ending``) or follows from
            ``file_ending``; None where the files have to tell (images that are JPEG).
        announced: ``numTraining``, where it is a number.
        label_mapping: Stored value to label, where files hold values that are not labels.
        listed: Case to its files, where nnU-Net's key ``dataset`` says which training cases there
            are; None where the folders do.
        version_1: Names in v1's lists ``training`` and ``test``, where they are given.
    """

    name: str | None
    channel_names: tuple[str, ...]
    labels: dict[str, int]
    file_ending: str
    label_file_ending: str | None
    announced: int | None
    label_mapping: dict[int, int]
    listed: dict[str, Listed] | None = None
    version_1: dict[str, tuple[str, ...]] | None = None


def read_description(
    folder: Path, problems: list[Problem], warnings: list[Problem] | None = None
) -> Description | None:
    """Read ``dataset.json``; faults are appended to ``problems``, and then there is no result.

    Args:
        folder: With the file.
        problems: Filled with what makes it unusable.
        warnings: Filled with what is odd.
    """
    file = folder / "dataset.json"
    facts, fault = _read_json(file)
    if fault is not None:
        problems.append(Problem(str(file), *fault))
        return None
    faults: list[Fault] = []

    def taken(result: tuple[_T, Fault | None]) -> _T:
        if result[1] is not None:
            faults.append(result[1])
        return result[0]

    channels = taken(_channels(facts))
    labels = taken(parse_labels(facts))
    ending = taken(_ending(facts))
    name = facts.get("name")
    announced = facts.get("numTraining")
    description = Description(
        name=name if isinstance(name, str) and name.strip() else None,
        channel_names=channels,
        labels=labels,
        file_ending=ending,
        label_file_ending=taken(_label_ending(facts, ending)),
        announced=announced if type(announced) is int else None,
        label_mapping=taken(parse_mapping(facts, labels)),
        listed=taken(parse_dataset(facts)),
        version_1=parse_version_1(facts),
    )
    problems += [Problem(str(file), *_with_hint(fault, facts)) for fault in faults]
    if warnings is not None:
        warnings += [Problem(str(file), *said) for said in key_warnings(facts, channels)]
    return None if faults else description


def _with_hint(fault: Fault, facts: Mapping[str, Any]) -> Fault:
    """Name the key that was mistyped, where that is why one is missing."""
    what = fault[0]
    for given, wanted in misspelt(facts).items():
        if what == f"{wanted} is missing":
            return f"{what}, there is {shown(given)}", f"name it {wanted}"
    return fault


def _read_json(file: Path) -> tuple[dict[str, Any], Fault | None]:
    fault = why_no_file(file)
    if fault is not None and fault[0] == "is missing":
        return {}, ("is missing", f"write it as nnU-Net v2 does, e.g. {_EXAMPLE}")
    if fault is not None:
        return {}, fault
    try:
        raw = file.read_bytes()
    except OSError as error:
        return {}, (f"cannot be read ({error.strerror})", "check its permissions")
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in raw:
        return {}, ("is not JSON (it is not UTF-8; UTF-16?)", "save it as UTF-8")
    twice: list[str] = []

    def whole(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            twice.extend(name for name in made if names.count(name) > 1)
        return made

    try:
        facts = json.loads(
            raw.decode("utf-8-sig"), object_pairs_hook=whole, parse_constant=_refuse_constant
        )
        json.dumps(facts, ensure_ascii=False).encode()  # half a character cannot be shown
    except (ValueError, RecursionError) as error:  # too long a number is a plain ValueError
        return {}, (f"is not JSON ({error})", "mend it, or write it anew")
    if twice:
        return {}, (f"gives {shown(twice[0])} twice in one object", "keep one of the two")
    if not isinstance(facts, dict):
        said = f"holds a {type(facts).__name__} where an object is expected"
        return {}, (said, f"write e.g. {_EXAMPLE}")
    return facts, None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"it holds {name}, which JSON does not have")


def _channels(facts: Mapping[str, Any]) -> tuple[tuple[str, ...], Fault | None]:
    key = "modality" if "channel_names" not in facts and "modality" in facts else "channel_names"
    names = facts.get(key)  # v1 called them modality
    if not isinstance(names, dict) or not names:
        said = f"is {shown(names)}" if key in facts else "is missing"
        return (), (f"{key} {said}", 'write e.g. {"0": "T1", "1": "FLAIR"}')
    expected = list(range(len(names)))
    if not all(is_number(k) for k in names) or sorted(map(number_of, names)) != expected:
        return (), (
            f"{key} has the keys {shown(sorted(names))}, expected "
            f"{shown([str(k) for k in expected])}",
            "number the channels from 0 without gaps",
        )
    odd = [
        name
        for name in names.values()
        if not isinstance(name, str) or not clean(name) or has_control(clean(name))
    ]
    if odd:
        return (), (
            f"{key} has the name {shown(odd[0])}",
            "give each channel a name: text without line breaks",
        )
    by_number = {number_of(k): clean(name) for k, name in names.items()}
    return tuple(by_number[k] for k in expected), None


def _ending(facts: Mapping[str, Any], key: str = "file_ending") -> tuple[str, Fault | None]:
    ending = facts.get(key, ".nii.gz")  # v1 had no other
    if isinstance(ending, str) and image_ending(Path(f"x{ending}")) == ending:
        return ending, None
    remedy = 'write e.g. ".nii.gz" or ".png"'
    if isinstance(ending, str):
        close = f".{clean(ending).lstrip('.')}"
        if image_ending(Path(f"x{close}")) == close:
            remedy = f'write "{close}"'
    return "", (f"{key} {shown(ending)} is not a kind of file that segscope reads", remedy)


def _label_ending(facts: Mapping[str, Any], images: str) -> tuple[str | None, Fault | None]:
    """Endings of labels: as said, or the images' own where that keeps labels."""
    image_format = format_of(images) if images else None
    if "label_file_ending" not in facts:
        lossless = image_format is not None and image_format.write is not None
        return (images if lossless else None), None
    ending, fault = _ending(facts, "label_file_ending")
    if fault is not None:
        return None, fault
    own = format_of(ending)
    if own.write is None:
        return None, (
            f"label_file_ending {ending!r} changes labels, as its compression is not exact",
            "convert the labels to .png",
        )
    if image_format is not None and own.dims != image_format.dims:
        return None, (
            f"label_file_ending {ending!r} is for {'planes' if own.dims == 2 else 'volumes'}, "
            f"file_ending {images!r} is not",
            "make both planes, or both volumes",
        )
    return ending, None
