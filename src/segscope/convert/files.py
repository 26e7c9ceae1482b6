"""One case's files, from a source to a dataset: bit for bit where nothing must change."""

import io
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segscope.convert.layout import Layout
from segscope.convert.polygons import Outline, draw
from segscope.convert.scan import FoundCase
from segscope.convert.values import Values, to_target
from segscope.convert.volumes import cut_volumes
from segscope.data import read_image, read_label, write_image, write_label
from segscope.data.files import TEMPORARY, write_bytes
from segscope.data.formats import format_of, image_ending, image_endings
from segscope.errors import InputError, WorkError
from segscope.images import Image, LabelMap
from segscope.paths import kind_of, said_of

_COLOURS = {".png": "PNG", ".tif": "TIFF", ".bmp": "BMP"}
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
    """

    channels: tuple[str, ...]
    labels: Mapping[str, Values]
    classes: Mapping[str, int]
    image_ending: str
    label_ending: str
    link: bool = False
    outlines: Mapping[str, Sequence[Outline]] | None = None


def ending_of(path: str) -> str:
    """A file's ending in the form that datasets have; folders of a series become ``.nii.gz``.

    Example:
        >>> ending_of("a/b.JPEG"), ending_of("a/series/")
        ('.jpg', '.nii.gz')

    Raises:
        InputError: Of no format that is read.
    """
    if path.endswith("/"):
        return ".nii.gz"
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


def place_images(
    case: FoundCase, source: Path, target: Path, aim: Aim, layout: Layout
) -> list[str]:
    """Put a case's channels into ``imagesTr`` (or ``imagesTs``); return what was changed."""
    notes = []
    left = list(range(len(aim.channels)))
    share = len(aim.channels) // len(case.images)
    for path in case.images:
        own = [left.pop(0) for _ in range(share)]
        names = [target / f"{case.name}_{k:04d}{aim.image_ending}" for k in own]
        notes += _place_image(source / path, path, names, aim, layout)
    return notes


def _place_image(
    file: Path, path: str, names: Sequence[Path], aim: Aim, layout: Layout
) -> list[str]:
    if layout.stack == "channels":
        volumes = cut_volumes(file)
        if len(volumes) != len(names):
            raise InputError(f"{file}: holds {len(volumes)} volumes, expected {len(names)}")
        for name, volume in zip(names, volumes, strict=True):
            write_bytes(name, volume)
        return [f"{path}: cut into its {len(names)} volumes"]
    if path.endswith("/"):
        image = read_image(file)
        write_image(names[0], image)
        return [f"{path}: a series, written as {aim.image_ending}", *image.notes]
    if format_of(aim.image_ending).dims == 2:
        return _place_plane(file, path, names[0], len(names), aim)
    if ending_of(path) == aim.image_ending:
        return _same_bytes(file, names[0], link=aim.link)
    image = read_image(file)
    write_image(names[0], image, like=file)
    return [f"{path}: written as {aim.image_ending}"]


def _place_plane(file: Path, path: str, name: Path, channels: int, aim: Aim) -> list[str]:
    """Colours as the dataset has them: a grey picture that is stored as RGB is grey."""
    image = read_image(file)
    array = image.array
    if len(array) == channels and ending_of(path) == aim.image_ending:
        return _same_bytes(file, name, link=aim.link)
    said = f"written as {aim.image_ending}"
    if channels == 1 and len(array) == 3 and (array == array[:1]).all():
        array, said = array[:1], "grey that was stored as RGB, written as grey"
    elif channels == 3 and len(array) == 1:
        array, said = np.repeat(array, 3, 0), "grey among RGB, written as RGB"
    if len(array) != channels:
        raise InputError(
            f"{file}: has {len(array)} channels, the layout's images have {channels}; leave it out "
            "or convert it"
        )
    if aim.image_ending == ".jpg":
        raise InputError(f"{file}: would have to be written as JPEG, which changes it")
    if channels == 1:
        write_image(name, Image(array, image.grid), like=file)
    else:
        write_bytes(name, _in_colours(file, array, aim.image_ending))
    return [f"{path}: {said}"]


def _in_colours(file: Path, array: NDArray[Any], ending: str) -> bytes:
    """A picture in colours in a format that changes nothing."""
    from PIL import Image as Pillow

    if array.dtype != np.uint8 or ending not in _COLOURS:
        raise InputError(
            f"{file}: would be written anew as {ending}, with colours of {array.dtype}; only those "
            f"of 8 bits are, as {', '.join(_COLOURS)}; convert it before"
        )
    stream = io.BytesIO()
    Pillow.fromarray(np.moveaxis(array, 0, -1)).save(stream, _COLOURS[ending])
    return stream.getvalue()


def place_label(case: FoundCase, source: Path, target: Path, aim: Aim, layout: Layout) -> list[str]:
    """Put a case's label map into ``labelsTr``; return what was changed."""
    name = target / f"{case.name}{aim.label_ending}"
    if aim.outlines is not None:
        return _place_outlines(case, source, name, aim)
    if "" not in case.masks:
        label, notes = _per_class(case, source, aim.classes)
    else:
        files = case.masks[""]
        if len(files) == 1 and not layout.fill and ending_of(files[0]) == aim.label_ending:
            array, _ = _target(source / files[0], aim, layout)
            if array is None:
                return _same_bytes(source / files[0], name, link=aim.link)
        label, notes = _united(case, source, aim, layout)
    like = source / next(files for files in case.masks.values() if files)[0]
    write_label(name, label, like=None if like.is_dir() else like)
    return notes


def _place_outlines(case: FoundCase, source: Path, name: Path, aim: Aim) -> list[str]:
    path = case.images[0]
    grid = read_image(source / path).grid
    drawn = (aim.outlines or {})[path.rpartition("/")[2]]
    if unknown := sorted({one.label for one in drawn} - set(aim.classes)):
        raise InputError(f"{path}: an object is called {unknown[0]}, which labels do not name")
    try:
        label, over = draw(drawn, aim.classes, grid.shape)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    write_label(name, LabelMap(label, grid))
    said = [f"{path}: outlines drawn"]
    if over:
        said.append(f"{path}: {over} pixels belong to two objects; the later is kept")
    return said


def _united(case: FoundCase, source: Path, aim: Aim, layout: Layout) -> tuple[LabelMap, list[str]]:
    """All masks of a case in one map; two labels at one voxel contradict each other."""
    files = case.masks[""]
    first = read_mask(source / files[0])
    whole = np.zeros(first.grid.shape, np.uint8)
    for path in files:
        own, stored = _target(source / path, aim, layout)
        part = stored.array.astype(np.uint8) if own is None else own
        if part.shape != whole.shape:
            raise InputError(f"{source / path}: is of another size than {files[0]}")
        if layout.fill:
            part = _filled(part)
        if ((whole > 0) & (part > 0) & (whole != part)).any():
            raise InputError(f"{source / path}: says another label than {files[0]} does somewhere")
        whole = np.maximum(whole, part)
    said = f"{len(files)} masks united" if len(files) > 1 else "values as the dataset has them"
    return LabelMap(whole, first.grid), [f"{files[0]}: {said}{', filled' if layout.fill else ''}"]


def read_mask(file: Path) -> LabelMap:
    """Read a label map; one in JPEG, which no reader of labels takes, as its grey levels.

    Raises:
        InputError: Not whole, or colours that are no grey.
    """
    if file.suffix.lower() not in (".jpg", ".jpeg"):
        return read_label(file)
    image = read_image(file)
    if not (image.array == image.array[:1]).all():
        raise InputError(f"{file}: has colours, expected a mask in grey; write it again as .png")
    return LabelMap(image.array[0].astype(np.uint8), image.grid)


def _filled(part: NDArray[np.uint8]) -> NDArray[np.uint8]:
    for value in np.unique(part[part > 0]):
        part[ndimage.binary_fill_holes(part == value)] = value
    return part


def _target(file: Path, aim: Aim, layout: Layout) -> tuple[NDArray[np.uint8] | None, LabelMap]:
    stored = read_mask(file)
    array, unknown = to_target(stored.array, aim.labels, layout.ignore)
    if unknown:
        shown = ", ".join(map(str, unknown[:8])) + (" ..." if len(unknown) > 8 else "")
        raise InputError(
            f"{file}: holds {shown}, which no label stands for; name them in labels or ignore "
            "(a range is written as 1..127)"
        )
    return array, stored


def _per_class(
    case: FoundCase, source: Path, classes: Mapping[str, int]
) -> tuple[LabelMap, list[str]]:
    """One map of one mask per class; where two overlap, the later class is kept, and said."""
    whole: NDArray[np.uint8] | None = None
    label = None
    notes: list[str] = []
    for name, files in case.masks.items():
        for path in files:
            label = read_label(source / path)
            if len(np.unique(label.array)) > 2:
                raise InputError(f"{source / path}: expected a mask of two values")
            mask = label.array != 0
            whole = np.zeros(mask.shape, np.uint8) if whole is None else whole
            if mask.shape != whole.shape:
                raise InputError(f"{source / path}: is of another size than the masks before it")
            if over := int((mask & (whole > 0)).sum()):
                notes.append(f"{path}: {over} voxels were another class before; {name} is kept")
            whole[mask] = classes[name]
        if not files:
            notes.append(f"case {case.name}: has no mask of {name}, so none of it")
    assert whole is not None  # cases without any mask are faults of the layout
    assert label is not None
    return LabelMap(whole, label.grid), notes


def _same_bytes(file: Path, name: Path, *, link: bool) -> list[str]:
    put: Callable[[Path, Path], None] = _link if link else _copy
    put(file, name)
    return []


def _copy(file: Path, name: Path) -> None:
    """Copy by the system's own means; whole under its name, and on the disk when all are."""
    if kind_of(file) is not None:
        raise InputError(f"{file}: is {kind_of(file)}; expected a file")
    temporary = name.with_name(f"{TEMPORARY}{name.name}")
    try:
        shutil.copyfile(file, temporary)
        temporary.replace(name)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise WorkError(f"{name}: cannot be written ({said_of(error)})") from None


def _link(file: Path, name: Path) -> None:
    """A second name of the same file."""
    try:
        name.unlink(missing_ok=True)
        os.link(file.resolve(), name)
    except OSError as error:
        raise InputError(
            f"{name}: cannot be a link to {file} ({error.strerror}); leave --link out"
        ) from None
