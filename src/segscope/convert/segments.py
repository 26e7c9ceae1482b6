"""Objects that have names instead of values: chosen by wildcards, and painted into one map."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Segment:
    """One named object of a case.

    Args:
        name: As its file has it.
        mask: On the image's grid.
        notes: On it.
    """

    name: str
    mask: NDArray[np.bool_]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Names:
    """Which named objects become which label.

    Args:
        objects: Label to names with ``*`` and ``?``, in any capitals; empty: every name is a label.
        ignored: Names that become nothing.
        later: Whether a label named later lies over an earlier one; else no two may share a voxel.
    """

    objects: Mapping[str, Sequence[str]]
    ignored: Sequence[str] = ()
    later: bool = False

    def label_of(self, name: str) -> str | None:
        """The label of a name, None of one that is ignored.

        Raises:
            ValueError: Of no label, or of two.

        Example:
            >>> Names({"brain": ["brain*"]}, ["*PTV*"]).label_of("Brain_total")
            'brain'
        """
        if any(_fits(name, pattern) for pattern in self.ignored):
            return None
        if not self.objects:
            return name
        found = [label for label, patterns in self.objects.items()
                 if any(_fits(name, pattern) for pattern in patterns)]  # fmt: skip
        if len(found) == 1:
            return found[0]
        if found:
            raise ValueError(f"{name!r} fits the names of {' and '.join(found)}; name it in one")
        raise ValueError(f"{name!r} is none of the names that labels have; name it in objects, or "
                         "in ignore_objects")  # fmt: skip

    def labels_of(self, names: Iterable[str]) -> list[str]:
        """Every label that these names make, in the order of ``objects``, else of the alphabet.

        Raises:
            ValueError: As of `label_of`.
        """
        found = {label for name in names if (label := self.label_of(name)) is not None}
        return list(self.objects) or sorted(found)


def _fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name.strip().lower(), pattern.lower())


def paint(
    segments: Sequence[Segment], names: Names, classes: Mapping[str, int], shape: Sequence[int]
) -> tuple[NDArray[np.uint8], list[str]]:
    """Make one map of a case's objects; those of one label are united.

    Returns:
        The label map, and notes.

    Raises:
        ValueError: A name is of no label, or two labels share voxels and no rule says which counts.
    """
    masks: dict[str, NDArray[np.bool_]] = {}
    notes: list[str] = []
    for one in segments:
        label = names.label_of(one.name)
        if label is None:
            notes.append("an object that is left out by its name")
            continue
        if label not in classes:
            raise ValueError(f"{one.name!r} is none of the labels {', '.join(list(classes)[1:])}")
        notes += one.notes
        masks[label] = masks[label] | one.mask if label in masks else one.mask
    whole = np.zeros(tuple(shape), np.uint8)
    for label in [name for name in classes if name in masks]:
        over = masks[label] & (whole > 0)
        if count := int(np.count_nonzero(over)):
            other = next(n for n, value in classes.items() if value == whole[over][0])
            if not names.later:
                raise ValueError(
                    f"{other} and {label} share {count} voxels, and a voxel has one label; cut one "
                    f"out of the other, leave one out by ignore_objects, or say overlap: later, so "
                    f"that {label} lies over {other}"
                )
            notes.append(f"{label} lies over {other} where both are")
        whole[masks[label]] = classes[label]
    return whole, notes
