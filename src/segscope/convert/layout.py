"""How a folder is laid out, as data: a small YAML that ships with us, or that a user writes."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from segscope.convert.pattern import Pattern
from segscope.convert.values import Values, check_apart, parse_values
from segscope.data.json_files import faults_of
from segscope.errors import InputError
from segscope.paths import is_file, read_text


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _patterns(value: Any) -> Any:
    value = _several(value)
    return tuple(Pattern(v) if isinstance(v, str) else v for v in value) if value else ()


def _values(value: Any) -> Any:
    return parse_values(value) if not isinstance(value, Values) else value


Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_patterns)]
Names = Annotated[tuple[str, ...], BeforeValidator(_several)]
Accepted = Annotated[Values, BeforeValidator(_values)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class TableSource(_Part):
    """A table of the download whose columns go to ``cases.csv``.

    Args:
        file: Pattern; there may be several.
        case: Column that names the case, or several as ``{patient_id}_{image view}``.
        key: What that column holds, made of the case's fields, as ``ISIC_{n}``.
        columns: Those to keep; all where none is named.
        rows_are_masks: Every row is one mask of its case: as many must be there, and the cells of
            a case's rows are joined by ``;``.
    """

    file: Patterns
    case: str
    key: str
    columns: Names = ()
    rows_are_masks: bool = False


class Layout(_Part):
    """Where cases, channels and labels lie.

    Args:
        name: Of the layout.
        says: What it is for, in a sentence.
        case: Pattern of the image (or of one file per case): its fields make the case.
        name_as: What a case is called, made of fields; they are joined by ``_`` otherwise.
        channels: Name to pattern (or several alternatives). Names that share a pattern are the
            channels of one file. Without any, ``case`` finds the image, and its colours are the
            channels.
        numbered: Pattern of a channel's file with ``{channel}`` for 0000, 0001 ...; the names
            are those of ``described``.
        label: Pattern of a label map; several files of one case are united. Also ``.seg.nrrd``,
            DICOM SEG and RTSTRUCT, whose objects have names, and ``.ics`` of DDSM.
        per_class: Label to the pattern of its own mask; replaces ``label``.
        annotations: File (COCO, VIA) or folder (LabelMe) of outlines; replaces ``label``. The
            keys of ``labels`` are then the names of objects.
        objects: Label to names of segments or regions, with ``*`` and ``?``; every name is a label
            where none is given.
        ignore_objects: Names of such objects that become nothing.
        overlap: ``refuse`` objects of two labels that share voxels, or let the ``later`` label lie
            over the one before.
        threshold: From which share on a voxel of a fractional DICOM SEG belongs to its segment.
        classes_by: Pattern with a field ``{label}``: a mask of its own for every class.
        fill: Masks are outlines: what they enclose belongs to them.
        labels: Name to the source's values; targets are 0, 1, 2 ... in this order after background.
        writes: Name to the value that a challenge expects, where ``labels`` has a range.
        ignore: Values that become background.
        described: The download's own ``dataset.json``, which names channels and labels.
        stack: ``channels`` where the fourth axis of a NIfTI file holds them, ``cases`` where each
            slice of its third is a case, ``slices`` where a label is one picture a slice of a DICOM
            series.
        reversed: Pictures of slices run the other way than the names of the series' files.
        one_series: Files of a DICOM folder are one series, though each says it is another.
        masks_among: Of the files of one object, the mask is the one of two grey values; objects are
            told apart by the field ``_object``.
        subject: Fields that make one person.
        subject_of_two: Field of a number of which 1 and 2, 3 and 4 ... are one person.
        test: Pattern of images without label.
        table: More columns.
        skip: Files of the download that are no cases.
    """

    name: str
    says: str = ""
    case: Patterns
    name_as: str | None = None
    channels: dict[str, Patterns] = {}
    numbered: str | None = None
    label: Patterns = ()
    per_class: dict[str, Patterns] = {}
    annotations: str | None = None
    classes_by: Patterns = ()
    objects: dict[str, Names] = {}
    ignore_objects: Names = ()
    overlap: Literal["refuse", "later"] = "refuse"
    threshold: Annotated[float, Field(gt=0, le=1)] | None = None
    fill: bool = False
    labels: dict[str, Accepted] = {}
    writes: dict[str, int] = {}
    ignore: Accepted = Values(())
    described: str | None = None
    stack: Literal["channels", "cases", "slices"] | None = None
    reversed: bool = False
    one_series: bool = False
    masks_among: bool = False
    subject: Names = ()
    subject_of_two: str | None = None
    test: Patterns = ()
    table: TableSource | None = None
    skip: Patterns = ()

    @model_validator(mode="after")
    def _agrees(self) -> "Layout":
        fields = set(self.case[0].fields) if self.case else set()
        if not fields:
            raise ValueError("case: expected a pattern with a field, as {case}.png")
        for pattern in self.case:
            if set(pattern.fields) != fields:
                raise ValueError(f"case: alternatives have other fields ({pattern.text})")
        persons = (*self.subject, *filter(None, [self.subject_of_two]))
        if unknown := [name for name in persons if name not in fields]:
            raise ValueError(f"subject: {unknown[0]} is no field of {self.case[0].text}")
        if self.numbered is not None and "{channel}" not in self.numbered:
            raise ValueError(f"numbered: expected {{channel}} in {self.numbered!r}")
        sources = (self.label, self.per_class, self.annotations, self.classes_by)
        if sum(bool(one) for one in sources) > 1:
            raise ValueError("label, per_class, classes_by and annotations exclude each other")
        if self.classes_by and any("label" not in p.fields for p in self.classes_by):
            raise ValueError(f"classes_by: expected a field {{label}} in {self.classes_by[0].text}")
        if unknown := [name for name in self.writes if name not in self.labels]:
            raise ValueError(f"writes: {unknown[0]} is none of the labels")
        if self.labels and "background" in list(self.labels)[1:]:
            raise ValueError("labels: background comes first where it is named")
        check_apart({**self.labels, "what is ignored": self.ignore})
        return self

    @property
    def classes(self) -> dict[str, int]:
        """Label to the value that it becomes."""
        names = [*self.labels, *(name for name in self.per_class if name not in self.labels)]
        named = [name for name in names if name != "background"]
        return {"background": 0, **{name: k for k, name in enumerate(named, 1)}}


def layout_names() -> tuple[str, ...]:
    """Names of the layouts that ship with segscope.

    Example:
        >>> "busi" in layout_names()
        True
    """
    folder = resources.files("segscope.convert") / "layouts"
    return tuple(sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".yaml")))


def layout_text(name_or_file: str, option: str = "--layout") -> str:
    """The YAML of a layout; ``option`` is what named it.

    Raises:
        InputError: Neither a name nor a file.
    """
    if name_or_file in layout_names():
        folder = resources.files("segscope.convert") / "layouts"
        return (folder / f"{name_or_file}.yaml").read_text("utf-8")
    file = Path(name_or_file)
    if not is_file(file):
        raise InputError(
            f"{option} {name_or_file}: neither a file nor one of {', '.join(layout_names())}"
        )
    return read_text(file)


def read_layout(
    name_or_file: str, changes: Mapping[str, Any] | None = None, *, option: str = "--layout"
) -> Layout:
    """Read a layout by its name, or from a file.

    Args:
        name_or_file: Of the layout.
        changes: Keys that replace its own, and what is taken of its ``choices``.
        option: What named it, for messages.

    Raises:
        InputError: Not there, no YAML, or not usable, with every fault.

    Example:
        >>> read_layout("busi").classes
        {'background': 0, 'lesion': 1}
    """
    try:
        facts = yaml.safe_load(layout_text(name_or_file, option))
    except yaml.YAMLError as error:
        raise InputError(f"{name_or_file}: is not YAML ({error})".replace("\n", " ")) from None
    if not isinstance(facts, dict):
        raise InputError(f"{name_or_file}: expected keys as case, channels, label, labels")
    facts = {"name": Path(name_or_file).stem, **facts}
    return make_layout(_chosen(facts, changes or {}, name_or_file), name_or_file)


def _chosen(facts: dict[str, Any], changes: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Put what was chosen in the place of ``<name>``; the first of ``choices`` is the default."""
    choices = facts.pop("choices", {})
    left = dict(changes)
    for name, known in choices.items():
        value = left.pop(name, known[0])
        if value not in known:
            raise InputError(f"{source}: {name}={value}: expected one of {', '.join(known)}")
        facts = _replaced(facts, f"<{name}>", str(value))
    return {**facts, **left}


def _replaced(found: Any, old: str, new: str) -> Any:
    if isinstance(found, str):
        return found.replace(old, new)
    if isinstance(found, list):
        return [_replaced(one, old, new) for one in found]
    if isinstance(found, dict):
        return {key: _replaced(one, old, new) for key, one in found.items()}
    return found


def make_layout(facts: Mapping[str, Any], source: str) -> Layout:
    """Check a layout's keys.

    Raises:
        InputError: With every fault.
    """
    try:
        return Layout.model_validate(facts)
    except ValidationError as error:
        faults = faults_of(error, "layout")
        raise InputError(f"{source}: is not a usable layout:", faults) from None


_SUFFIXES = "[_mask][_seg][_segmentation][_Segmentation][_label][_gt]"


def pairs_layout(
    images: str,
    masks: str | None,
    labels: Mapping[str, Any],
    *,
    annotations: str | None = None,
    series: bool = False,
    changes: Mapping[str, Any] | None = None,
) -> Layout:
    """The commonest folder of all: images and masks by equal names.

    Args:
        images: Folder of images, below the source.
        masks: Folder of masks; their names may end with ``_mask``, ``_seg``, ``_label``, ``_gt``.
        labels: Name to value(s) in the masks.
        annotations: File or folder of outlines, instead of masks.
        series: Each image is a folder of a DICOM series.
        changes: More keys of a layout.

    Example:
        >>> pairs_layout("images", "masks", {"lesion": 255}).classes
        {'background': 0, 'lesion': 1}
    """
    endings = "{_ending:[A-Za-z0-9]+(?:\\.gz)?}"
    facts: dict[str, Any] = {
        "name": "pairs",
        "case": f"{images}/{{case}}/" if series else f"{images}/{{case}}.{endings}",
        "name_as": "{case}",
        "labels": dict(labels),
    }
    if masks is not None:
        ending = "{_label_ending:seg\\.nrrd|[A-Za-z0-9]+(?:\\.gz)?}"
        facts["label"] = f"{masks}/{{case}}{_SUFFIXES}.{ending}"
    if annotations is not None:
        facts["annotations"] = annotations
    return make_layout({**facts, **(changes or {})}, "--images --masks")
