"""The compressions of TIFF: the bytes of strips or tiles to the bytes that they stand for.

Native codecs run in a process of their own: a death there is an error of the file. LZW, PackBits
and Zstandard come in many small strips, which are sent there together.
"""

import importlib.util
import lzma
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.data.decoders.decoded import decoding
from segscope.data.decoders.isolated import CHILDS, isolated
from segscope.data.decoders.jpeg import jpeg_samples
from segscope.data.decoders.jpeg_markers import read_frame
from segscope.data.decoders.samples import inflated
from segscope.errors import InputError


@dataclass(frozen=True)
class Block:
    """What a strip or tile must hold.

    Args:
        rows: Of pixels.
        columns: Of pixels.
        samples: Per pixel.
        bits: Per sample.
        order: ``<`` or ``>``, of samples of several bytes.
        tables: Of JPEG, shared by all blocks.
        rgb: Of JPEG: colours are RGB, not YCbCr.
        options: Of a fax in one dimension.
    """

    rows: int
    columns: int
    samples: int
    bits: int
    order: str
    tables: bytes = b""
    rgb: bool = False
    options: int = 0

    @property
    def size(self) -> int:
        """Bytes, each row of pixels beginning with a byte of its own."""
        return self.rows * ((self.columns * self.samples * self.bits + 7) // 8)


Decompress = Callable[[Path, Sequence[bytes], Sequence[Block]], list[bytes]]
"""From the file (for messages), the compressed blocks, and what each must hold."""
_One = Callable[[Path, bytes, Block], bytes]


_LZMA_MEMORY = 1 << 29  # xz -9 takes 65 MB


def _never(data: bytes) -> bool:
    return False


def _always(data: bytes) -> bool:
    return True


def _lossy_wavelets(data: bytes) -> bool:
    coding = data.find(b"\xff\x52")  # its last field: 1 is the wavelet of whole numbers
    return data[coding + 13 : coding + 14] != b"\1"


def _lossy_webp(data: bytes) -> bool:
    return b"VP8 " in data[:4096]


@dataclass(frozen=True)
class Codec:
    """A compression.

    Args:
        name: For messages.
        decompress: Of all blocks.
        predicts: Differences (tag Predictor) may come before it.
        pictures: It stores pictures, not bytes: what comes out is of this machine's byte order.
        lossy: Whether these bytes of a block are of a kind that changes numbers.
    """

    name: str
    decompress: Decompress
    predicts: bool = False
    pictures: bool = False
    lossy: Callable[[bytes], bool] = _never


def _need_imagecodecs(path: Path) -> None:
    if importlib.util.find_spec("imagecodecs") is None:
        raise InputError(
            f"{path}: its compression needs the package imagecodecs; pip install imagecodecs, or "
            "save it without compression"
        )


def _each(one: _One) -> Decompress:
    """Decompress one block after the other."""

    def decompress(path: Path, data: Sequence[bytes], blocks: Sequence[Block]) -> list[bytes]:
        return [one(path, part, block) for part, block in zip(data, blocks, strict=True)]

    return decompress


def _together(name: str, most: int, *, more: int = 0) -> Decompress:
    """Decompress all blocks at once, each to what it must hold and at most so many bytes more."""

    def decompress(path: Path, data: Sequence[bytes], blocks: Sequence[Block]) -> list[bytes]:
        for part, block in zip(data, blocks, strict=True):
            _check_ratio(path, part, block, most)
        _need_imagecodecs(path)
        sizes = [block.size + more for block in blocks]
        done: list[bytes] = isolated(
            path, f"{CHILDS}imagecodecs_blocks", f"{name}_decode", list(data), sizes
        )
        return done

    return decompress


def _plain(path: Path, data: bytes, block: Block) -> bytes:
    return data


def _deflate(path: Path, data: bytes, block: Block) -> bytes:
    return inflated(path, data, block.size)


def _lzw(path: Path, data: Sequence[bytes], blocks: Sequence[Block]) -> list[bytes]:
    if any(part[:1] == b"\0" and part[1:2] and part[1] & 1 for part in data):
        raise InputError(f"{path}: has LZW of an old kind (bits reversed); save it anew")
    return _together("lzw", 1400, more=1)(path, data, blocks)


def _lzma(path: Path, data: bytes, block: Block) -> bytes:
    with decoding(path):
        engine = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY)
        found = engine.decompress(data, block.size + 1)
        if not engine.eof or engine.unused_data.strip(b"\0"):
            raise ValueError("cut short, or longer than announced")
    return found


def _fax(kind: str) -> Decompress:
    def decompress(path: Path, data: bytes, block: Block) -> bytes:
        if block.bits != 1 or block.samples != 1:
            raise InputError(f"{path}: is a fax of more than 1 bit; save it without compression")
        if block.options & 0b11:
            raise InputError(
                f"{path}: is a fax in two dimensions or without codes; save it as LZW or Deflate"
            )
        _check_ratio(path, data, block, 10_000)
        _need_imagecodecs(path)
        found = isolated(path, f"imagecodecs:{kind}_decode", data, block.rows, block.columns)
        bits = np.asarray(found) != 0
        _check_shape(path, bits, (block.rows, block.columns))
        return np.packbits(bits, axis=1).tobytes()

    return _each(decompress)


def _jpeg(path: Path, data: bytes, block: Block) -> bytes:
    if block.bits != 8:
        raise InputError(f"{path}: has {block.bits} bits in JPEG, 8 are read; save it as Deflate")
    tables = block.tables
    if tables:
        if tables[:2] != b"\xff\xd8" or tables[-2:] != b"\xff\xd9" or data[:2] != b"\xff\xd8":
            raise InputError(f"{path}: cannot be decoded (damaged JPEG tables); copy it again")
        data = tables[:-2] + data[2:]
    frame = read_frame(path, data)
    found = jpeg_samples(path, frame, rgb=block.rgb)
    _check_shape(path, found, (block.rows, block.columns, block.samples))
    return found.tobytes()


def _picture(kind: str) -> Decompress:
    def decompress(path: Path, data: bytes, block: Block) -> bytes:
        _check_ratio(path, data, block, 150_000)
        if kind == "jpeg2k":
            _check_wavelets(path, data, block)
        _need_imagecodecs(path)
        found = np.asarray(isolated(path, f"imagecodecs:{kind}_decode", data))
        if found.ndim == 2:
            found = found[..., None]
        _check_shape(path, found, (block.rows, block.columns, block.samples))
        if found.dtype.itemsize * 8 != block.bits:
            raise InputError(
                f"{path}: decodes to {found.dtype}, its header says {block.bits} bits; copy it "
                "again"
            )
        return found.tobytes()

    return _each(decompress)


def _check_ratio(path: Path, data: bytes, block: Block, most: int) -> None:
    """Refuse what would be allocated for nothing: a few bytes that announce a huge picture."""
    if block.size > most * len(data) + 65536:
        raise InputError(
            f"{path}: announces {block.size} bytes of pixels, more than {len(data)} compressed "
            "bytes can hold; copy it again"
        )


def _check_wavelets(path: Path, data: bytes, block: Block) -> None:
    """The sides, samples and depth of a JPEG 2000 stream must be the directory's."""
    at = data.find(b"\xff\x51")
    if at < 0 or at + 41 > len(data):
        raise InputError(
            f"{path}: cannot be decoded (no JPEG 2000 where it should be); copy it again"
        )
    right, low, left, top = struct.unpack_from(">4I", data, at + 6)
    samples, depth = struct.unpack_from(">HB", data, at + 38)
    found = (low - top, right - left, samples, depth + 1)
    expected = (block.rows, block.columns, block.samples, block.bits)
    if found != expected:
        raise InputError(
            f"{path}: holds JPEG 2000 of (rows, columns, samples, bits) {found}, its header says "
            f"{expected}; copy it again"
        )


def _check_shape(path: Path, found: NDArray[Any], shape: tuple[int, ...]) -> None:
    if found.shape != shape:
        raise InputError(
            f"{path}: a strip or tile decodes to {found.shape}, its header says {shape}; copy it "
            "again"
        )


CODECS: dict[int, Codec] = {
    1: Codec("none", _each(_plain)),
    2: Codec("fax in one dimension", _fax("ccittrle")),
    3: Codec("fax of group 3", _fax("ccittfax3")),
    4: Codec("fax of group 4", _fax("ccittfax4")),
    5: Codec("LZW", _lzw, predicts=True),
    7: Codec("JPEG", _each(_jpeg), pictures=True, lossy=_always),
    8: Codec("Deflate", _each(_deflate), predicts=True),
    32773: Codec("PackBits", _together("packbits", 64)),
    32946: Codec("Deflate", _each(_deflate), predicts=True),
    33005: Codec("JPEG 2000", _picture("jpeg2k"), pictures=True, lossy=_lossy_wavelets),
    34712: Codec("JPEG 2000", _picture("jpeg2k"), pictures=True, lossy=_lossy_wavelets),
    34925: Codec("LZMA", _each(_lzma), predicts=True),
    50000: Codec("Zstandard", _together("zstd", 150_000), predicts=True),
    50001: Codec("WebP", _picture("webp"), pictures=True, lossy=_lossy_webp),
}
FAX = (2, 3, 4)
