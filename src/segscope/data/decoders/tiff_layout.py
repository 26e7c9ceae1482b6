"""What a TIFF directory says of its pixels, checked against itself and against the file's bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segscope.data.decoders.exif import Directory, TagError, whole
from segscope.data.decoders.samples import check_size
from segscope.data.decoders.tiff_codecs import CODECS, FAX, Block, Codec
from segscope.data.decoders.tiff_tags import TAGS
from segscope.errors import InputError

_NUMBERS = {name: number for number, (name, _) in TAGS.items()}
_KINDS = {1: "u", 2: "i", 3: "f", 4: "u"}
_DEPTHS = {"u": (*range(1, 17), 32, 64), "i": (8, 16, 32, 64), "f": (16, 32, 64)}
_MODELS = {2: 3, 6: 3, 0: 1, 1: 1, 3: 1}
_OTHER_MODELS = {4: "transparency mask", 5: "CMYK", 8: "Lab", 9: "Lab", 10: "Lab", 32803: "CFA",
                 32844: "LogL", 32845: "LogLuv", 34892: "LinearRaw"}  # fmt: skip
_MOST_BLOCKS = 1 << 20


class Tags:
    """A directory's values by the names of their tags.

    Args:
        path: For messages.
        directory: Whose tags they are.
    """

    def __init__(self, path: Path, directory: Directory) -> None:
        self.path, self.directory = path, directory

    def __contains__(self, name: str) -> bool:
        return _NUMBERS[name] in self.directory.tags

    def integers(self, name: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """All values of a tag.

        Raises:
            InputError: It is missing without a default, of another type or beyond the file.
        """
        tag = self.directory.tags.get(_NUMBERS[name])
        if tag is None:
            if default is None:
                raise self.fault(f"its tag {name} is missing")
            return default
        if not whole(tag) or tag.count == 0:
            raise self.fault(f"its tag {name} points beyond the file, or is empty")
        try:
            return tag.integers()
        except TagError as error:
            raise self.fault(f"{name}: {error}") from None

    def one(self, name: str, default: int | None = None) -> int:
        """The value of a tag; of one per sample, all must be equal."""
        found = self.integers(name, None if default is None else (default,))
        if len(set(found)) != 1:
            raise InputError(
                f"{self.path}: has the {name} {', '.join(map(str, found[:5]))}, equal ones are "
                "read; convert it to RGB or grey"
            )
        return found[0]

    def floats(self, name: str) -> tuple[float, ...]:
        """All values of a tag that may hold fractions; none where it is not there or not whole."""
        tag = self.directory.tags.get(_NUMBERS[name])
        if tag is None or not whole(tag):
            return ()
        try:
            return tag.numbers()
        except TagError:
            return ()

    def text(self, name: str) -> str:
        """A tag's bytes as text; empty where it is not there."""
        tag = self.directory.tags.get(_NUMBERS[name])
        return "" if tag is None else tag.text()

    def fault(self, what: str) -> InputError:
        """The error of a directory that cannot be believed."""
        return InputError(f"{self.path}: cannot be decoded ({what}); copy it again")


@dataclass(frozen=True)
class Layout:
    """How the pixels are stored.

    Args:
        rows: Of the picture.
        columns: Of the picture.
        samples: Per pixel.
        bits: Per sample.
        kind: ``u``, ``i`` or ``f``.
        order: ``<`` or ``>``.
        model: PhotometricInterpretation.
        codec: Of each block.
        predictor: 1 none, 2 differences, 3 of floating point.
        turned: Bits of each byte come in the other order.
        apart: Each sample has blocks of its own.
        tiled: Blocks are tiles, not strips.
        block_rows: Rows of a block.
        block_columns: Columns of a block.
        spans: Offset and byte count of each block.
        tables: Of JPEG.
        options: Of a fax.
    """

    rows: int
    columns: int
    samples: int
    bits: int
    kind: str
    order: str
    model: int
    codec: Codec
    predictor: int
    turned: bool
    apart: bool
    tiled: bool
    block_rows: int
    block_columns: int
    spans: tuple[tuple[int, int], ...]
    tables: bytes
    options: int

    @property
    def together(self) -> int:
        """Samples of a pixel that lie side by side."""
        return 1 if self.apart else self.samples

    def block(self, rows: int) -> Block:
        """What a block of so many rows must hold."""
        return Block(rows, self.block_columns, self.together, self.bits, self.order, self.tables,
                     self.model != 6, self.options)  # fmt: skip

    def blocks(self) -> Iterator[tuple[int, tuple[int, int]]]:
        """Each block's rows (the last strip has fewer) and its span."""
        down = -(-self.rows // self.block_rows)
        for k, span in enumerate(self.spans):
            last = not self.tiled and k % down == down - 1
            yield (self.rows - (down - 1) * self.block_rows if last else self.block_rows), span


def read_layout(path: Path, directory: Directory, order: str) -> Layout:
    """Read and check all that decides how bytes become samples.

    Raises:
        InputError: A tag is missing, contradicts another, or asks for what is not read.
    """
    tags = Tags(path, directory)
    for tag in directory.repeated:
        name, field = TAGS.get(tag.number, ("", None))
        if field is not None and field.fate != "harmless" and name != "ImageDescription":
            raise tags.fault(f"it has the tag {name} twice")
    rows, columns = tags.one("ImageLength"), tags.one("ImageWidth")
    check_size(path, rows, columns)
    samples = tags.one("SamplesPerPixel", 1)
    bits, kind = _number_type(tags)
    model = _model(tags, samples)
    codec, predictor, turned = _coding(tags, bits, kind)
    planar = tags.one("PlanarConfiguration", 1)
    if planar not in (1, 2):
        raise tags.fault(f"PlanarConfiguration {planar}")
    apart = planar == 2 and samples > 1
    tiled, block_rows, block_columns = _blocks(tags, rows, columns)
    count = -(-rows // block_rows) * -(-columns // block_columns) * (samples if apart else 1)
    tables = directory.tags.get(_NUMBERS["JPEGTables"])
    if model == 6:
        _check_ycbcr(tags, codec, bits, apart)
    return Layout(
        rows, columns, samples, bits, kind, order, model, codec, predictor, turned, apart, tiled,
        block_rows, block_columns, _spans(tags, tiled, count),
        tables.raw if tables is not None and codec.name == "JPEG" else b"",
        tags.one("T4Options", 0) & 3 | tags.one("T6Options", 0) & 2,
    )  # fmt: skip


def _number_type(tags: Tags) -> tuple[int, str]:
    bits, number = tags.one("BitsPerSample", 1), tags.one("SampleFormat", 1)
    if number in (5, 6):
        raise InputError(f"{tags.path}: holds complex numbers; save their magnitude")
    kind = _KINDS.get(number)
    if kind is None:
        raise tags.fault(f"SampleFormat {number}")
    if bits not in _DEPTHS[kind]:
        name = {"u": "unsigned", "i": "signed", "f": "floating point"}[kind]
        raise InputError(
            f"{tags.path}: has {bits}-bit {name} samples, which are not read; save it with 8, 16 "
            "or 32 bits"
        )
    return bits, kind


def _model(tags: Tags, samples: int) -> int:
    model = tags.one("PhotometricInterpretation")
    if model not in _MODELS:
        name = _OTHER_MODELS.get(model, f"{model}")
        raise InputError(f"{tags.path}: has the colour space {name}; convert it to RGB or grey")
    extra = tags.integers("ExtraSamples", ()) if "ExtraSamples" in tags else ()
    beyond = samples - _MODELS[model]
    if beyond < 0 or beyond > 1 or len(extra) > beyond:
        raise InputError(
            f"{tags.path}: has {samples} samples per pixel, {_MODELS[model]} and at most an alpha "
            "channel are read; save one file per channel"
        )
    if any(kind > 2 for kind in extra):
        raise tags.fault(f"ExtraSamples {extra}")
    return model


def _coding(tags: Tags, bits: int, kind: str) -> tuple[Codec, int, bool]:
    number = tags.one("Compression", 1)
    codec = CODECS.get(number)
    if codec is None:
        raise InputError(
            f"{tags.path}: has the compression {number}, which is not read; save it without, or "
            "as LZW or Deflate"
        )
    predictor, fill = tags.one("Predictor", 1), tags.one("FillOrder", 1)
    if predictor not in (1, 2, 3) or fill not in (1, 2):
        raise tags.fault(f"Predictor {predictor}, FillOrder {fill}")
    possible = (8, 16, 32, 64) if predictor == 2 else (16, 32, 64)
    if predictor > 1 and (
        not codec.predicts or bits not in possible or (predictor == 3) > (kind == "f")
    ):
        raise InputError(
            f"{tags.path}: has the predictor {predictor} with {bits}-bit samples and compression "
            f"{codec.name}, which do not go together; save it without compression"
        )
    if fill == 2 and number not in FAX and (number != 1 or bits != 1):
        raise InputError(
            f"{tags.path}: has its bits in the other order (FillOrder 2), which is read of 1 bit "
            "without compression and of fax; save it with FillOrder 1"
        )
    if any(tags.one(name, 0) for name in ("CleanFaxData", "BadFaxLines", "ConsecutiveBadFaxLines")):
        raise InputError(f"{tags.path}: is a fax with lost lines; send it again")
    return codec, predictor, fill == 2


def _blocks(tags: Tags, rows: int, columns: int) -> tuple[bool, int, int]:
    tiled = "TileOffsets" in tags or "TileWidth" in tags
    if tiled and ("StripOffsets" in tags or "RowsPerStrip" in tags):
        raise tags.fault("it has strips and tiles")
    for name in ("ImageDepth", "TileDepth"):
        if tags.one(name, 1) != 1:
            raise InputError(
                f"{tags.path}: holds {tags.one(name, 1)} planes ({name}), one is expected; store "
                "a stack as NIfTI, NRRD or one file per slice"
            )
    if not tiled:
        strip = tags.one("RowsPerStrip", 2**32 - 1)
        if strip == 0:
            raise tags.fault("RowsPerStrip 0")
        return False, min(strip, rows), columns
    high, wide = tags.one("TileLength"), tags.one("TileWidth")
    check_size(tags.path, high, wide)
    return True, high, wide


def _spans(tags: Tags, tiled: bool, count: int) -> tuple[tuple[int, int], ...]:
    kind = "Tile" if tiled else "Strip"
    offsets, sizes = tags.integers(f"{kind}Offsets"), tags.integers(f"{kind}ByteCounts")
    if count > _MOST_BLOCKS or len(offsets) != count or len(sizes) != count:
        raise tags.fault(f"{len(offsets)} offsets and {len(sizes)} sizes of {count} blocks")
    return tuple(zip(offsets, sizes, strict=True))


def _check_ycbcr(tags: Tags, codec: Codec, bits: int, apart: bool) -> None:
    ratio = tags.integers("YCbCrSubSampling", (2, 2))
    weights = tags.floats("YCbCrCoefficients") or (0.299, 0.587, 0.114)
    scale = tags.floats("ReferenceBlackWhite") or (0, 255, 128, 255, 128, 255)
    plain = codec.name == "JPEG" or ratio == (1, 1)
    usual = np.allclose(weights, (0.299, 0.587, 0.114), atol=1e-3) if len(weights) == 3 else False
    full = tuple(scale) == (0, 255, 128, 255, 128, 255)
    if codec.pictures and codec.name != "JPEG":
        plain = False
    if bits != 8 or apart or not (plain and usual and full):
        raise InputError(
            f"{tags.path}: has YCbCr colours of a kind that is not read (subsampling {ratio}, "
            f"{bits} bits); convert it to RGB"
        )
