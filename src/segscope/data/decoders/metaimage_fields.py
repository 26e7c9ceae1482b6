"""The header of a MetaImage file: which fields there are, and what becomes of each.

The format: https://itk.org/Wiki/MetaIO/Documentation, and the fields that its library reads
beside those. Names are written in one way only, as the library takes no other.
"""

from difflib import get_close_matches
from pathlib import Path

from segscope.data.decoders.fields import Field
from segscope.data.decoders.header import BLANKS, header_lines
from segscope.errors import InputError

_FREE = "free text"
_PLACE = "place of the first voxel, in LPS"
_TURN = "rows are the directions of the axes, in LPS"

FIELDS: dict[str, Field] = {
    "ObjectType": Field("checked", "Image"),
    "ObjectSubType": Field("harmless", _FREE),
    "FileFormatVersion": Field("checked", "0 or 1; a later one may mean other things"),
    "Comment": Field("harmless", _FREE),
    "AcquisitionDate": Field("harmless", _FREE),
    "NDims": Field("checked", "how many numbers DimSize, spacing and place have"),
    "Name": Field("harmless", _FREE),
    "ID": Field("harmless", "of the object in a scene"),
    "ParentID": Field("harmless", "of the object in a scene; a file of one image has none"),
    "CompressedData": Field("used", "whether voxels are packed by zlib"),
    "CompressedDataSize": Field("checked", "against the bytes that are there; noted where missing"),
    "CompressionLevel": Field("harmless", "how hard the writer tried"),
    "BinaryData": Field("used", "whether voxels are bytes or text"),
    "BinaryDataByteOrderMSB": Field("used", "byte order; noted where missing"),
    "ElementByteOrderMSB": Field("used", "byte order, by its older name"),
    "Color": Field("harmless", "in which a scene draws the object"),
    "Position": Field("used", _PLACE),
    "Offset": Field("used", _PLACE),
    "Origin": Field("used", _PLACE),
    "ImagePosition": Field("used", _PLACE),
    "Orientation": Field("used", _TURN),
    "Rotation": Field("used", _TURN),
    "TransformMatrix": Field("used", _TURN),
    "CenterOfRotation": Field("noted", "not used by ITK's readers either; noted where not zero"),
    "AnatomicalOrientation": Field("noted", "where it contradicts the directions, which count"),
    "ElementSpacing": Field("used", "between voxels"),
    "DistanceUnits": Field("used", "of spacing and place, converted to mm and noted"),
    "DimSize": Field("used", "voxels along each axis"),
    "HeaderSize": Field("used", "where the voxels begin; noted"),
    "HeaderSizePerSlice": Field("refused", "voxels in several files"),
    "HeaderSizesPerDataFile": Field("refused", "voxels in several files"),
    "Modality": Field("used", "CT, MR and so on"),
    "SequenceID": Field("harmless", "of the acquisition"),
    "ElementMin": Field("harmless", "of the values, which are read themselves"),
    "ElementMax": Field("harmless", "of the values, which are read themselves"),
    "ElementNumberOfChannels": Field("checked", "1"),
    "ElementSize": Field("used", "in the place of a missing spacing; noted"),
    "ElementNBits": Field("checked", "not more than the type has"),
    "ElementToIntensityFunctionSlope": Field("used", "values are rescaled; noted"),
    "ElementToIntensityFunctionOffset": Field("used", "values are rescaled; noted"),
    "ElementType": Field("used", "number type of a voxel"),
    "ElementDataFile": Field("used", "LOCAL; another file is refused. The header's last field"),
}
"""Every field that the format's documentation or its library names.

Other names are the user's own metadata for the library, and so they are here: they do no harm,
unless they look like one that counts, written wrongly.
"""

_COUNT = {
    name.lower(): name
    for name, field in FIELDS.items()
    if field.fate not in ("harmless", "noted") and name != "Modality"
}
_LIKE = 0.93  # one letter of a long name; NIfTI's toffset is no Offset
_SEARCHED = 1 << 20


def read_fields(path: Path, data: bytes) -> tuple[dict[str, str], int]:
    """Read a header up to its ElementDataFile.

    Returns:
        Fields of the format by name, and where the header ends.

    Raises:
        InputError: Not a MetaImage header, or a field that is there twice or misspelt.
    """
    fields: dict[str, str] = {}
    lines = header_lines(path, data) if b"ElementDataFile" in data[:_SEARCHED] else iter(())
    for line, end in lines:
        if not line.strip(BLANKS):
            continue
        name, value = _parted(path, line)
        if name not in FIELDS:
            _check_own(path, name)
            continue
        if name in fields:
            raise InputError(f"{path}: its header gives {name} twice; remove one")
        fields[name] = value
        if name == "ElementDataFile":
            return fields, end
    raise InputError(f"{path}: is not MetaImage (no ElementDataFile); name an image file")


def _parted(path: Path, line: str) -> tuple[str, str]:
    # the library takes a colon for an equals sign, and several in a row for one
    name = line.replace(":", "=").partition("=")[0]
    rest = line[len(name) :]
    if not rest or not name.strip(BLANKS):
        raise InputError(f"{path}: {line[:60]!r} in its header is no field; mend or remove it")
    return name.strip(BLANKS), rest.lstrip("=:" + BLANKS).rstrip(BLANKS)


def _check_own(path: Path, name: str) -> None:
    """Refuse what is a field of the format in other letters."""
    letters = name.lower().replace("_", "").replace("-", "").replace(" ", "")
    like = get_close_matches(letters, _COUNT, n=1, cutoff=_LIKE)
    if like:
        raise InputError(
            f"{path}: {name!r} in its header is no field of the format, {_COUNT[like[0]]} is; "
            "mend or rename it"
        )
