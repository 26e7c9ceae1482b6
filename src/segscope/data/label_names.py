"""``labels`` and ``label_mapping`` of ``dataset.json``; background is 0, by name."""

from collections.abc import Mapping, Sequence
from typing import Any

from segscope.data.names import alike, clean, has_control, shown, twice

HIGHEST = 65535
BACKGROUND = "background"

Fault = tuple[str, str]
"""What is wrong, and what to do."""


def parse_labels(facts: Mapping[str, Any]) -> tuple[dict[str, int], Fault | None]:
    """Read name to value, sorted by value, from v2's names to numbers or v1's numbers to names.

    Example:
        >>> parse_labels({"labels": {"0": "Background", "1": " lesion "}})[0]
        {'background': 0, 'lesion': 1}
    """
    labels = facts.get("labels")
    if not isinstance(labels, dict) or not labels:
        said = "is missing" if "labels" not in facts else f"is {shown(labels)}"
        return {}, (f"labels {said}", 'write e.g. {"background": 0, "lesion": 1}')
    turned = [is_number(key) and not is_number(value) and isinstance(value, str)
              for key, value in labels.items()]  # fmt: skip
    version_1 = all(is_number(k) and isinstance(v, str) for k, v in labels.items())
    if any(turned) and not version_1:
        return {}, (
            "labels mixes names of numbers and numbers of names",
            'write name to number throughout, e.g. {"background": 0, "lesion": 1}',
        )
    pairs = [(v, k) for k, v in labels.items()] if version_1 else list(labels.items())
    fault = _name_fault([name for name, _ in pairs]) or _value_fault(dict(pairs))
    if fault is not None:
        return {}, fault
    numbers = {clean(name): number_of(value) for name, value in pairs}
    fault = _fault_of_background(numbers) or _ignore_fault(numbers) or _gap_fault(numbers)
    if fault is not None:
        return {}, fault
    named = {BACKGROUND if value == 0 else name: value for name, value in numbers.items()}
    return dict(sorted(named.items(), key=lambda item: item[1])), None


def parse_mapping(
    facts: Mapping[str, Any], labels: Mapping[str, int]
) -> tuple[dict[int, int], Fault | None]:
    """Read stored value to label.

    Example:
        >>> parse_mapping({"label_mapping": {"255": 1}}, {"background": 0, "lesion": 1})[0]
        {255: 1}
    """
    mapping = facts.get("label_mapping", {})
    remedy = 'write stored value to label, e.g. {"255": 1}'
    if not isinstance(mapping, dict) or not all(
        is_number(key) and type(value) is int and 0 <= value <= HIGHEST
        for key, value in mapping.items()
    ):
        return {}, (f"label_mapping is {shown(mapping)}", remedy)
    numbers = [number_of(key) for key in mapping]
    if len(set(numbers)) < len(numbers):
        return {}, (f"label_mapping is {shown(mapping)}, which gives a value twice", remedy)
    strange = sorted({value for value in mapping.values() if value not in labels.values()})
    if strange and labels:
        return {}, (
            f"label_mapping leads to {strange}, which labels does not have",
            "map to declared labels",
        )
    return dict(zip(numbers, mapping.values(), strict=True)), None


def is_number(value: Any) -> bool:
    """Whether a value is a whole number from 0 to 65535, maybe written as text.

    Example:
        >>> is_number(" 7"), is_number(True), is_number(1.0), is_number("\\u0661")
        (True, False, False, False)
    """
    if isinstance(value, str):
        text = clean(value)
        return text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= HIGHEST
    return type(value) is int and 0 <= value <= HIGHEST


def number_of(value: str | int) -> int:
    """The number that `is_number` has seen."""
    return int(clean(value)) if isinstance(value, str) else value


def _name_fault(names: Sequence[Any]) -> Fault | None:
    odd = [name for name in names if not clean(name) or has_control(clean(name))]
    if odd:
        return (
            f"labels has the name {shown(odd[0])}",
            "give each label a name without line breaks and other control characters",
        )
    same = twice(names)
    if same:
        first, second = same[0]
        return (
            f"labels has {first!r} and {second!r}, which cannot be told apart",
            "give each label a name of its own",
        )
    return None


def _value_fault(labels: Mapping[str, Any]) -> Fault | None:
    regions = [name for name, value in labels.items() if isinstance(value, list)]
    if regions:
        return (
            f"labels {shown(regions)} are regions (lists of values), which segscope does not "
            "train: a voxel has one label",
            "give each label one value",
        )
    wrong = {name: value for name, value in labels.items() if not is_number(value)}
    if wrong:
        return (
            f"labels {shown(wrong)} are not whole numbers from 0 to {HIGHEST}",
            "give each label one whole number",
        )
    return None


def _fault_of_background(labels: Mapping[str, int]) -> Fault | None:
    named = next((value for name, value in labels.items() if alike(name) == BACKGROUND), None)
    zero = next((name for name, value in labels.items() if value == 0), None)
    if named not in (0, None):
        holder = "is no label's" if zero is None else f"is {zero!r}"
        return (
            f"labels gives background the value {named}, and 0 {holder}; 0 is what networks take "
            "for background",
            "make background 0, in the label maps and in dataset.json",
        )
    if zero is not None and named is None:
        return (
            f"labels calls 0 {zero!r}; 0 is what networks take for background",
            f'write "background": 0, or renumber the label maps if 0 is {zero!r} in them',
        )
    return None


def _ignore_fault(labels: Mapping[str, int]) -> Fault | None:
    if any(alike(name) == "ignore" for name in labels):
        return (
            "labels has nnU-Net's 'ignore' label, which segscope would train as a class",
            "remove these voxels' cases, or relabel them",
        )
    return None


def _gap_fault(labels: Mapping[str, int]) -> Fault | None:
    values = sorted(labels.values())
    if values != list(range(len(values))) or len(values) < 2:
        return (
            f"labels has the values {shown(values)}; expected are 0 (background), 1, 2, ... "
            "without gaps, two at least",
            "renumber the label maps and dataset.json",
        )
    return None
