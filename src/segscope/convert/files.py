"""One case's files, from a source to a dataset: bit for bit where nothing must change."""

import io
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.convert.aim import Aim, ending_of
from segscope.convert.layout import Layout
from segscope.convert.pictures import PLANES, read_picture
from segscope.convert.scan import FoundCase
from segscope.convert.series import read_one_series
from segscope.convert.volumes import cut_volumes, is_volume
from segscope.data import read_image, write_image
from segscope.data.files import TEMPORARY, write_bytes
from segscope.data.formats import format_of
from segscope.errors import InputError, WorkError
from segscope.images import Image
from segscope.paths import kind_of, said_of

_COLOURS = {".png": "PNG", ".tif": "TIFF", ".bmp": "BMP"}


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
    if layout.stack == "channels" and not (len(names) == 1 and is_volume(file)):
        volumes = cut_volumes(file)
        if len(volumes) != len(names):
            raise InputError(f"{file}: holds {len(volumes)} volumes, expected {len(names)}")
        for name, volume in zip(names, volumes, strict=True):
            write_bytes(name, volume)
        return [f"{path}: cut into its {len(names)} volumes"]
    if path.endswith("/"):
        image = read_one_series(file) if layout.one_series else read_image(file)
        write_image(names[0], image)
        return [f"{path}: a series, written as {aim.image_ending}", *image.notes]
    if format_of(aim.image_ending).dims == 2:
        return _place_plane(file, path, names[0], len(names), aim)
    if ending_of(path) == aim.image_ending:
        return same_bytes(file, names[0], link=aim.link)
    image = read_image(file)
    write_image(names[0], image, like=file)
    return [f"{path}: written as {aim.image_ending}"]


def _place_plane(file: Path, path: str, name: Path, channels: int, aim: Aim) -> list[str]:
    """Colours as the dataset has them: a grey picture that is stored as RGB is grey."""
    image = read_picture(file)
    array = image.array
    plane = path.lower().endswith(PLANES)
    if len(array) == channels and ending_of(path) == aim.image_ending and not plane:
        return same_bytes(file, name, link=aim.link)
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
        write_image(name, Image(array, image.grid), like=None if plane else file)
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


def same_bytes(file: Path, name: Path, *, link: bool) -> list[str]:
    """Copy or link a file as it is."""
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
