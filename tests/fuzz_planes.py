"""Changed headers of plane images, and what independent readers make of them.

`mutations` yields files that are whole in their checksums and changed in one field, byte or length;
`compare` reads one and says where our samples differ from those of a reader that reads it too. What
our notes say was changed (turned, a palette, 0 is white) is changed there as well.
"""

import contextlib
import io
import re
import struct
import warnings
import zlib

import imagecodecs
import numpy as np
import tifffile
from PIL import Image as PillowImage

from segscope.data import read_image, read_label
from segscope.errors import InputError
from tests.plane_files import bmp, chunk, packed, png, tiff

_INTERESTING = (0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 64, 127, 128, 255, 256, 32767, 32768,
                65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)  # fmt: skip


def _saved(array, kind, **options):
    stream = io.BytesIO()
    PillowImage.fromarray(array).save(stream, kind, **options)
    return stream.getvalue()


def _written(array, **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, metadata=None, **options)
    return stream.getvalue()


def _pngs(random):
    grey = random.integers(0, 256, (9, 13))
    palette = chunk(b"PLTE", random.bytes(48))
    yield "grey 8", png(grey, 8, 0, filters=(0, 1, 2, 3, 4))
    yield "grey 16", png(random.integers(0, 65536, (9, 13)), 16, 0, filters=(4, 3, 1))
    yield "grey 1", png(grey % 2, 1, 0)
    yield "grey 2", png(grey % 4, 2, 0, interlaced=True)
    yield "grey 4", png(grey % 16, 4, 0)
    yield "rgb 8", png(random.integers(0, 256, (9, 13, 3)), 8, 2, filters=(1, 4, 3, 2))
    yield "rgb 16", png(random.integers(0, 65536, (9, 13, 3)), 16, 2, interlaced=True)
    yield "palette 4", png(grey % 16, 4, 3, before=palette)
    yield "palette 8", png(grey % 16, 8, 3, before=palette, filters=(4,))
    opaque = np.concatenate([random.integers(0, 256, (9, 13, 3)), np.full((9, 13, 1), 255)], -1)
    yield "rgba 8", png(opaque, 8, 6, filters=(3, 4))
    yield "key", png(grey // 2, 8, 0, before=chunk(b"tRNS", b"\0\xff"))


def _tiffs(random):
    grey = random.integers(0, 256, (17, 21), dtype=np.uint8)
    colour = random.integers(0, 256, (17, 21, 3), dtype=np.uint8)
    wide = random.integers(0, 65536, (17, 21), dtype=np.uint16)
    for order in "<>":
        strips = [grey[:9].tobytes(), grey[9:].tobytes()]
        yield f"plain {order}", tiff(grey, {278: (3, [9])}, order=order, blocks=strips)
        yield f"rgb {order}", tiff(colour, order=order)
        yield f"wide {order}", tiff(wide, order=order, bits=16)
    yield "signed", tiff(grey.astype(np.int16) - 99, {339: (3, [2])}, bits=16)
    yield "floats", tiff(grey.astype(np.float32), {339: (3, [3])}, bits=32)
    for bits in (1, 2, 4, 12):
        yield f"{bits} bits", tiff(wide % 2**bits, bits=bits)
    yield "white", tiff(grey, {262: (3, [0])})
    yield "palette", tiff(grey % 16, {262: (3, [3]), 320: (3, list(random.integers(0, 65536, 48)))},
                          bits=4)  # fmt: skip
    yield "big", tiff(grey, big=True)
    yield "turned", tiff(grey, {274: (3, [6])})
    for name in ("zlib", "lzw", "packbits", "zstd", "lzma", "jpeg", "jpeg2000", "webp"):
        if name != "webp":
            yield name, _written(grey, compression=name, rowsperstrip=8)
        yield f"rgb {name}", _written(colour, compression=name, photometric="rgb")
    for name in ("zlib", "lzw", "zstd"):
        yield (
            f"differences {name}",
            _written(colour, compression=name, predictor=True, tile=(16, 16)),
        )
        yield f"float differences {name}", _written(wide.astype(np.float32), compression=name,
                                                    predictor=True)  # fmt: skip
    yield "apart", _written(np.moveaxis(colour, -1, 0), photometric="rgb", planarconfig="separate")
    yield "tiles", _written(wide, tile=(16, 16))
    fax = random.random((17, 21)) > 0.6
    for name in ("tiff_ccitt", "group3", "group4"):
        yield name, _saved(fax, "tiff", compression=name)


def _jpegs(random):
    grey = random.integers(0, 256, (17, 21), dtype=np.uint8)
    colour = np.kron(
        random.integers(0, 256, (3, 3, 3), dtype=np.uint8), np.ones((8, 9, 1), np.uint8)
    )
    yield "grey", _saved(grey, "jpeg")
    yield "rgb", _saved(colour, "jpeg", quality=90)
    yield "rgb kept", _saved(colour, "jpeg", keep_rgb=True)
    yield "progressive", _saved(colour, "jpeg", progressive=True)
    yield "restarts", _saved(colour, "jpeg", restart_marker_blocks=1)
    exif = PillowImage.Exif()
    exif[274] = 8
    yield "turned", _saved(colour, "jpeg", exif=exif)


def _bmps(random):
    grey = random.integers(0, 256, (9, 13))
    colours = random.bytes(256 * 4)
    for bits in (1, 4, 8):
        yield (
            f"{bits} bits",
            bmp(packed(grey % 2**bits, bits), 13, 9, bits, palette=colours[: 4 << bits]),
        )
    yield "24 bits", bmp([random.bytes(39) for _ in grey], 13, 9, 24)
    yield "downwards", bmp([random.bytes(39) for _ in grey], 13, -9, 24)
    yield "32 bits", bmp([(random.bytes(3) + b"\0") * 13 for _ in grey], 13, 9, 32)
    yield "555", bmp([random.bytes(26) for _ in grey], 13, 9, 16)
    yield "565", bmp([random.bytes(26) for _ in grey], 13, 9, 16, packing=3,
                     masks=struct.pack("<3I", 0xF800, 0x7E0, 0x1F))  # fmt: skip
    yield "core", bmp(packed(grey % 16, 4), 13, 9, 4, size=12, palette=colours[:48])
    opaque = [(random.bytes(3) + b"\xff") * 13 for _ in grey]
    yield "v4", bmp(opaque, 13, 9, 32, packing=3, size=108,
                    masks=struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000))  # fmt: skip
    runs = b"".join(bytes([5, k, 8, 200 - k, 0, 0]) for k in range(9)) + b"\0\1"
    yield "runs", bmp(runs, 13, 9, 8, packing=1, palette=colours)


def _number(random, width):
    limit = 256**width
    if random.random() < 0.6:
        return int(random.choice(_INTERESTING)) % limit
    return int(random.integers(0, min(limit, 2**62)))


def _changed_chunk(random, data):
    """One PNG chunk's byte, number, place or presence; its checksum is made anew."""
    chunks, at = [], 8
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        chunks.append([kind, bytearray(data[at + 8 : at + 8 + length])])
        at += 12 + length
    k = int(random.integers(len(chunks)))
    if random.random() < 0.5:
        k = 0
    kind, body = chunks[k]
    way = random.integers(6)
    if way == 0 and len(chunks) > 1:
        chunks.insert(int(random.integers(len(chunks))), chunks[k])
    elif way == 1 and k:
        del chunks[k]
    elif way == 2:
        del body[int(random.integers(len(body) + 1)) :]
    elif kind == b"IDAT" and body:
        raw = bytearray(zlib.decompress(bytes(body)))
        where = int(random.integers(len(raw)))
        if way == 3:
            del raw[where:]
        elif way == 4:
            raw += random.bytes(7)
        else:
            raw[where] = _number(random, 1)
        body[:] = zlib.compress(bytes(raw))
    elif body:
        body[int(random.integers(len(body)))] = _number(random, 1)
    return data[:8] + b"".join(chunk(kind, bytes(body)) for kind, body in chunks)


def _changed_tag(random, data):
    """One TIFF entry's number, type, count or value."""
    order = {b"II": "<", b"MM": ">"}[data[:2]]
    big = data[2:4] in (b"+\0", b"\0+")
    first = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, 8 if big else 4)[0]
    count = struct.unpack_from(f"{order}{'Q' if big else 'H'}", data, first)[0]
    at = first + (8 if big else 2) + int(random.integers(count)) * (20 if big else 12)
    where, width = [(0, 2), (2, 2), (4, 4), (8, 2), (8, 4), (8, 4)][int(random.integers(6))]
    changed = bytearray(data)
    if big and where == 8:
        where = 12
    low = width == 4 and random.random() < 0.5
    value = int(random.integers(0, len(data) + 9)) if low else _number(random, width)
    code = {2: "H", 4: "I"}[width]
    struct.pack_into(f"{order}{code}", changed, at + where, value)
    return bytes(changed)


def _changed_field(random, data, size):
    changed = bytearray(data)
    width = int(random.choice([1, 2, 4]))
    at = int(random.integers(0, max(1, min(size, len(data)) - width)))
    changed[at : at + width] = _number(random, width).to_bytes(width, "little")
    return bytes(changed)


def _cut(random, data):
    return data[: int(random.integers(1, len(data)))]


def mutations(seed, count):
    """Yield ``(name, ending, bytes)``: a good file of some kind, changed in one place."""
    random = np.random.default_rng(seed)
    makers = {".png": (_pngs, _changed_chunk), ".tif": (_tiffs, _changed_tag),
              ".jpg": (_jpegs, lambda r, d: _changed_field(r, d, 700)),
              ".bmp": (_bmps, lambda r, d: _changed_field(r, d, 70))}  # fmt: skip
    good = {ending: list(make(random)) for ending, (make, _) in makers.items()}
    endings = [".png"] * 4 + [".tif"] * 8 + [".jpg"] * 2 + [".bmp"] * 3
    for k in range(count):
        ending = endings[k % len(endings)]
        base, data = good[ending][int(random.integers(len(good[ending])))]
        way = random.random()
        if way < 0.04:
            yield f"{base}, whole", ending, data
        elif way < 0.12:
            yield f"{base}, cut", ending, _cut(random, data)
        elif way < 0.2:
            yield f"{base}, a byte", ending, _changed_field(random, data, len(data))
        else:
            yield f"{base}, a field", ending, makers[ending][1](random, data)


def _pillow(data):
    picture = PillowImage.open(io.BytesIO(data))
    if getattr(picture, "n_frames", 1) != 1:
        raise ValueError("several frames")
    colours = None
    if picture.mode == "P":
        table = np.array(picture.getpalette("RGB"), np.uint8).reshape(-1, 3)
        indices = np.asarray(picture)
        return indices, np.vstack([table, np.zeros((256 - len(table), 3), np.uint8)])
    array = np.asarray(picture)
    return (array.astype(np.uint8) if array.dtype == bool else array), colours


def _tifffile(data):
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        if bytes in (type(page.planarconfig), type(page.photometric)):
            raise ValueError("numbers as single bytes are not understood")
        array = page.asarray()
        if page.planarconfig == 2 and array.ndim == 3:
            array = np.moveaxis(array, 0, -1)
        colours = None if page.colormap is None else page.colormap.T
    return (array.astype(np.uint8) if array.dtype == bool else array), colours


def _imagecodecs(kind):
    def read(data):
        return np.asarray(getattr(imagecodecs, f"{kind}_decode")(data)), None

    return read


_READERS = {
    ".png": {"Pillow": _pillow, "imagecodecs": _imagecodecs("png")},
    ".tif": {"tifffile": _tifffile, "Pillow": _pillow},
    ".jpg": {"Pillow": _pillow, "imagecodecs": _imagecodecs("jpeg8")},
    ".bmp": {"Pillow": _pillow},
}
_TURNS = {2: lambda a: a[:, ::-1], 3: lambda a: np.rot90(a, 2), 4: lambda a: a[::-1],
          5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, -1),
          7: lambda a: np.rot90(a.swapaxes(0, 1), 2), 8: np.rot90}  # fmt: skip


def compare(path):
    """Say where our reading of a file differs from an independent one, or fails otherwise."""
    for stored, reader in ((False, read_image), (True, read_label)):
        try:
            found = reader(path)
        except InputError as error:
            if path.name not in str(error) or "\n" in str(error):
                return f"a message without its file: {error}"
            continue
        except Exception as error:  # what the rule forbids
            return f"{type(error).__name__}: {error}"
        fault = _difference(path, found, stored)
        if fault:
            return fault
    return None


def _difference(path, found, stored):
    notes = "; ".join(found.notes)
    ours = found.array[None] if stored else found.array
    read = 0
    for name, reader in _READERS[path.suffix].items():
        try:
            with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
                warnings.simplefilter("ignore")
                theirs, colours = reader(path.read_bytes())
        except Exception:  # it does not read it: nothing to compare
            continue
        read += 1
        theirs = _meant(theirs, colours, notes, stored, name, path.suffix)
        if theirs is None or _equal(ours, theirs, name, path.suffix, notes):
            return None
        said = f"{name}: {theirs.dtype} {theirs.shape}, ours {ours.dtype} {ours.shape} ({notes})"
    return said if read else None


def _meant(theirs, colours, notes, stored, name, ending):
    """Their samples by our rule, from what our notes say; None where they cannot tell."""
    if theirs.ndim == 3 and theirs.shape[2] in (2, 4) and "opaque" in notes:
        theirs = theirs[..., :-1]
    if colours is not None and not stored and "palette replaced" in notes:
        theirs = colours[theirs]
    if theirs.ndim == 2:
        theirs = theirs[..., None]
    if "larger is brighter" in notes and name == "tifffile":
        bits = re.search(r"(\d+) bits? per", notes)
        depth = int(bits[1]) if bits else theirs.dtype.itemsize * 8
        theirs = theirs.dtype.type(2**depth - 1) - theirs
    if (turn := re.search(r"orientation tag (\d) says", notes)) and not (
        ending == ".tif" and name == "Pillow"  # turns by itself
    ):
        theirs = _TURNS[int(turn[1])](theirs)
    if "index" in notes and colours is None and ending in (".bmp", ".png"):
        return None  # only colours came back
    if "read as whole numbers" in notes:
        theirs = np.rint(theirs)
    return np.moveaxis(theirs, -1, 0)


def _equal(ours, theirs, name, ending, notes):
    if len(theirs) == 3 and len(ours) == 1 and (theirs[:1] == theirs).all():
        theirs = theirs[:1]
    if ours.shape != theirs.shape:
        return False
    if np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f"):
        return True
    bits = re.search(r"([124]) bits? per sample", notes)
    if bits and np.array_equal(ours * (255 // (2 ** int(bits[1]) - 1)), theirs):
        return True  # stretched
    if "palette replaced" in notes and np.array_equal(ours, theirs.astype(int) // 256):
        return True
    lossy = ending == ".jpg" or "JPEG" in notes
    return lossy and int(np.abs(ours.astype(int) - theirs.astype(int)).max()) <= 4
