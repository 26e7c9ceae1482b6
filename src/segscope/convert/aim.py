"""What a dataset shall hold: names, values and formats, decided once for all cases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segscope.convert.dicom_objects import is_dicom, object_names
from segscope.convert.layout import Layout
from segscope.convert.pictures import PLANES, read_mask, read_picture
from segscope.convert.polygons import Outline, read_annotations
from segscope.convert.scan import Found
from segscope.convert.segments import Names
from segscope.convert.slicer import ENDING, segment_names
from segscope.convert.values import Values, values_in
from segscope.data.formats import format_of, image_ending, image_endings
from segscope.errors import InputError

_SAME = {".jpeg": ".jpg", ".tiff": ".tif"}


@dataclass(frozen=True)
class Aim:
    """What a dataset shall hold.

    Args:
        channels: Their names.
        labels: Name to values in the source; empty where there is no label.
        classes: Name to value in the dataset.
        image_ending: Of all images.
        label_ending: Of all labels.
        link: Hard links instead of copies.
        outlines: Picture's file name to the objects drawn on it, where labels are outlines.
        names: Which objects are which label, where labels are objects that have names.
    """

    channels: tuple[str, ...]
    labels: Mapping[str, Values]
    classes: Mapping[str, int]
    image_ending: str
    label_ending: str
    link: bool = False
    outlines: Mapping[str, Sequence[Outline]] | None = None
    names: Names | None = None


def ending_of(path: str) -> str:
    """A file's ending in the form that datasets have; folders of a series become ``.nii.gz``.

    Example:
        >>> ending_of("a/b.JPEG"), ending_of("a/series/"), ending_of("a/mammogram.dcm")
        ('.jpg', '.nii.gz', '.png')

    Raises:
        InputError: Of no format that is read.
    """
    if path.endswith("/"):
        return ".nii.gz"
    if path.lower().endswith(PLANES):
        return ".png"
    found = image_ending(Path(path))
    if found is None:
        raise InputError(f"{path}: is of no kind that is read ({', '.join(image_endings())})")
    return _SAME.get(found.lower(), found.lower())


def common_ending(paths: Sequence[str], *, labels: bool = False) -> str:
    """The ending that all files get: their own where it is one, else one that keeps all.

    Example:
        >>> common_ending(["a.jpg", "b.png"]), common_ending(["a.nii", "b.nii.gz"])
        ('.png', '.nii.gz')
    """
    found = sorted({ending_of(path) for path in paths})
    if len(found) == 1 and not (labels and format_of(found[0]).write is None):
        return found[0]
    dims = {format_of(ending).dims for ending in found}
    if len(dims) > 1:
        raise InputError(f"the layout finds planes and volumes ({', '.join(found)}); name one kind")
    return ".png" if dims == {2} else ".nii.gz"


def take_aim(
    layout: Layout,
    found: Found,
    source: Path,
    names: tuple[str, ...],
    values: Mapping[str, Values],
    *,
    link: bool,
) -> Aim:
    """Decide what a source's dataset shall hold; masks are looked at where nothing names them.

    Args:
        layout: Of the source.
        found: Its cases.
        source: Folder.
        names: Of channels, where they are known.
        values: Label to its values, where they are known.
        link: See `Aim`.

    Raises:
        InputError: Planes among volumes, outlines of other pictures, values or names that nothing
            explains.
    """
    images = [path for case in found.cases for path in case.images]
    masks = [p for case in found.cases for files in case.masks.values() for p in files]
    ending = common_ending(images)
    if not names:
        count = len(read_picture(source / images[0]).array)
        names = ("image",) if count == 1 else ("R", "G", "B")[:count]
    outlines = _outlines(layout, found, source)
    named = _names(layout, masks, source)
    _check_labels(layout, values, named)
    if layout.stack == "slices" or named is not None or outlines is not None or _is_ics(masks):
        label_ending = ending if outlines is None else ".png"
    else:
        label_ending = _label_ending(masks, ending)
        if not values and masks and layout.label:
            values = _values_of(masks, source)
    objects = _objects(layout, found, outlines, named, source)
    listed = objects if named is not None or not values else values
    kept = [name for name in listed if name != "background"]
    classes = {"background": 0, **{name: k for k, name in enumerate(kept, 1)}}
    return Aim(names, values, classes, ending, label_ending, link, outlines, named)


def is_named(file: Path) -> bool:
    """Whether a file's objects have names: ``.seg.nrrd``, DICOM SEG or RTSTRUCT."""
    if file.name.lower().endswith(ENDING):
        return True
    return image_ending(file) is None and file.suffix.lower() != ".ics" and is_dicom(file)


def _is_ics(masks: Sequence[str]) -> bool:
    return bool(masks) and all(path.lower().endswith(".ics") for path in masks)


def _label_ending(masks: Sequence[str], ending: str) -> str:
    own = common_ending(masks, labels=True) if masks else ending
    if ending != ".jpg" and own != ending:
        return ".png" if ending in (".png", ".tif", ".bmp") else ending
    return own


def _names(layout: Layout, masks: Sequence[str], source: Path) -> Names | None:
    """How objects with names become labels, where all masks hold such."""
    if layout.masks_among:
        return None
    named = [path for path in masks if is_named(source / path)]
    if not named:
        return None
    if len(named) < len(masks):
        other = next(path for path in masks if path not in named)
        raise InputError(
            f"{source / other}: is a label map, and {named[0]} holds objects with names; convert "
            "each kind by itself"
        )
    return Names(layout.objects, layout.ignore_objects, layout.overlap == "later")


def _check_labels(layout: Layout, values: Mapping[str, Values], named: Names | None) -> None:
    """Refuse labels that are named by values where masks have names, and the other way round."""
    if named is None and (layout.objects or layout.ignore_objects):
        word = next((f"{n}={words[0]}" for n, words in layout.objects.items()), "ignore_objects")
        raise InputError(
            f"{word}: is for objects that have names, and the masks have values; say NAME=VALUE"
        )
    if named is not None and values:
        raise InputError(
            f"label {next(iter(values))}: is named by a value, and the objects of the masks have "
            "names; say NAME=WORD, as liver=liver*"
        )


def _objects(
    layout: Layout,
    found: Found,
    outlines: Mapping[str, Sequence[Outline]] | None,
    named: Names | None,
    source: Path,
) -> list[str]:
    """Labels by the names of objects, classes or folders."""
    if outlines is not None:
        return sorted({one.label for drawn in outlines.values() for one in drawn})
    if layout.classes_by:
        return sorted({label for case in found.cases for label in case.masks})
    if named is None:
        return list(layout.per_class)
    if named.objects:
        return list(named.objects)
    files = [source / p for case in found.cases for paths in case.masks.values() for p in paths]
    return named.labels_of(name for file in files for name in names_in(file))


def names_in(file: Path) -> list[str]:
    """Names of the objects of a ``.seg.nrrd``, SEG or RTSTRUCT."""
    return segment_names(file) if file.name.lower().endswith(ENDING) else object_names(file)


def _outlines(layout: Layout, found: Found, source: Path) -> Mapping[str, Sequence[Outline]] | None:
    """Objects of every picture; one that the file does not list was perhaps never looked at."""
    if layout.annotations is None:
        return None
    drawn = read_annotations(source / layout.annotations)
    pictures = {path.rpartition("/")[2] for case in found.cases for path in case.images}
    faults = [f"{name}: has no outlines; list it without objects if it has none"
              for name in sorted(pictures - drawn.keys())]  # fmt: skip
    faults += [f"{name}: has outlines, and is no picture of a case"
               for name in sorted(drawn.keys() - pictures)]  # fmt: skip
    if faults:
        raise InputError(f"{layout.annotations}: does not fit the pictures:", faults)
    return drawn


def _values_of(masks: Sequence[str], source: Path) -> dict[str, Values]:
    """Name the values that masks hold, where nobody did."""
    there = sorted({int(v) for path in masks for v in values_in(read_mask(source / path).array)})
    objects = [value for value in there if value != 0]
    if len(objects) > 50:
        raise InputError(
            f"masks hold {len(there)} values, from {there[0]} to {there[-1]}: grey levels, as JPEG "
            "leaves them? Say which are what: --label background=0..127 --label NAME=128..255"
        )
    names = ["foreground"] if len(objects) == 1 else [f"label_{value}" for value in objects]
    return {name: Values(((v, v),)) for name, v in zip(names, objects, strict=True)}
