"""Hand-made PNG, TIFF and BMP files: tiny encoders that share no code with what they test."""

import struct
import zlib

import numpy as np

PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))  # fmt: skip


def packed(rows, bits, order=">"):
    """Rows of whole numbers as bytes, the first in the highest bits."""
    if bits == 16:
        return [np.asarray(row).astype(f"{order}u2").tobytes() for row in rows]
    found = []
    for row in rows:
        text = "".join(f"{int(value):0{bits}b}" for value in np.ravel(row))
        text += "0" * (-len(text) % 8)
        found.append(bytes(int(text[k : k + 8], 2) for k in range(0, len(text), 8)))
    return found


def chunk(kind, body=b"", crc=None):
    code = zlib.crc32(kind + body) if crc is None else crc
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", code)


def filtered(lines, step, filters):
    """Filter lines as the PNG standard's section 9 has it, byte by byte."""
    before, found = bytes(len(lines[0])), []
    for k, line in enumerate(lines):
        kind, out = filters[k % len(filters)], bytearray()
        for i, value in enumerate(line):
            left = line[i - step] if i >= step else 0
            corner = before[i - step] if i >= step else 0
            up = before[i]
            guess = left + up - corner
            near = min((abs(guess - left), 0, left), (abs(guess - up), 1, up),
                       (abs(guess - corner), 2, corner))[2]  # fmt: skip
            out.append((value - (0, left, up, (left + up) // 2, near)[kind]) & 255)
        found.append(bytes([kind]) + bytes(out))
        before = line
    return b"".join(found)


def png(array, bits, colour, *, before=b"", after=b"", filters=(0,), interlaced=False,
        sides=None, data=None):  # fmt: skip
    """A PNG file.

    Args:
        array: ``(rows, columns[, samples])``.
        bits: Depth.
        colour: Colour type.
        before: Chunks before the pixels.
        after: Chunks after them.
        filters: Of the lines, repeated.
        interlaced: In seven passes.
        sides: Columns and rows of the header, where they shall be others.
        data: The compressed pixels, where they shall be others.
    """
    array = np.asarray(array)
    rows, columns = array.shape[:2]
    samples = array.shape[2] if array.ndim == 3 else 1
    step = max(1, samples * bits // 8)
    parts = [array[y::dy, x::dx] for x, y, dx, dy in PASSES] if interlaced else [array]
    raw = b"".join(filtered(packed(p, bits), step, filters) for p in parts if p.size)
    wide, high = sides or (columns, rows)
    head = struct.pack(">IIBBBBB", wide, high, bits, colour, 0, 0, interlaced)
    pixels = zlib.compress(raw) if data is None else data
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + before + chunk(b"IDAT", pixels) + after
            + chunk(b"IEND"))  # fmt: skip


CODES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 6: "b", 7: "s", 8: "h", 9: "i", 10: "ii", 11: "f",
         12: "d", 13: "I", 16: "Q"}  # fmt: skip


def tiff(array, tags=None, *, bits=8, order="<", blocks=None, behind=b"", big=False, drop=()):
    """A TIFF file of one directory: header, pixels, values, directory, then ``behind``.

    Args:
        array: ``(rows, columns[, samples])``; only the sides matter where ``blocks`` are given.
        tags: Number to ``(type, values)`` in place of, or beside the plain ones.
        bits: Per sample.
        order: ``<`` or ``>``.
        blocks: The strips' bytes.
        behind: Bytes at the end.
        big: BigTIFF.
        drop: Numbers of tags to leave out.
    """
    array = np.asarray(array)
    rows, columns = array.shape[:2]
    samples = array.shape[2] if array.ndim == 3 else 1
    if blocks is None:
        if array.dtype.kind == "f" or bits > 16 or array.dtype.kind == "i":
            blocks = [array.astype(array.dtype.newbyteorder(order)).tobytes()]
        else:
            blocks = [b"".join(packed(array.reshape(rows, -1), bits, order))]
    head = 16 if big else 8
    starts = [head + sum(map(len, blocks[:k])) for k in range(len(blocks))]
    plain = {
        256: (3, [columns]), 257: (3, [rows]), 258: (3, [bits] * samples), 259: (3, [1]),
        262: (3, [2 if samples >= 3 else 1]), 273: (4, starts), 277: (3, [samples]),
        278: (3, [-(-rows // len(blocks))]), 279: (4, [len(b) for b in blocks]),
    }  # fmt: skip
    plain.update(tags or {})
    body = b"".join(blocks)
    body += bytes(-len(body) % 2)
    entries = b""
    count, inline, word = (0, 8, "Q") if big else (0, 4, "I")
    for number, (kind, values) in sorted(plain.items()):
        if number in drop:
            continue
        count += 1
        if isinstance(values, bytes):
            raw, items = values, len(values)
        else:
            flat = [part for v in values for part in (v if isinstance(v, tuple) else (v,))]
            raw = struct.pack(f"{order}{len(flat)}{CODES[kind][0]}", *flat)
            items = len(values)
        if len(raw) > inline:
            where, body = head + len(body), body + raw + bytes(len(raw) % 2)
            raw = struct.pack(f"{order}{word}", where)
        entries += struct.pack(f"{order}HH{word}", number, kind, items) + raw.ljust(inline, b"\0")
    first = head + len(body)
    mark = {"<": b"II", ">": b"MM"}[order]
    if big:
        start = mark + struct.pack(f"{order}HHHQ", 43, 8, 0, first)
        directory = struct.pack(f"{order}Q", count) + entries + bytes(8)
    else:
        start = mark + struct.pack(f"{order}HI", 42, first)
        directory = struct.pack(f"{order}H", count) + entries + bytes(4)
    return start + body + directory + behind


def bmp(rows_of_bytes, columns, rows, bits, *, packing=0, palette=b"", masks=b"", size=40,
        used=0, image_size=0, offset=None, announced=None, density=(0, 0), extra=b"",
        behind=b""):  # fmt: skip
    """A BMP file; ``rows_of_bytes`` are in the file's order (the lowest row first)."""
    pixels = (
        rows_of_bytes
        if isinstance(rows_of_bytes, bytes)
        else b"".join(row + bytes(-len(row) % 4) for row in rows_of_bytes)
    )
    if size == 12:
        head = struct.pack("<IHHHH", 12, columns, rows, 1, bits)
    else:
        head = struct.pack("<IiiHHIIiiII", size, columns, rows, 1, bits, packing, image_size,
                           *density, used, 0)  # fmt: skip
        head = (head + masks + extra).ljust(max(size, 40 + len(masks)), b"\0")
    start = 14 + len(head) + len(palette) if offset is None else offset
    total = 14 + len(head) + len(palette) + len(pixels) + len(behind)
    file = struct.pack("<2sIHHI", b"BM", total if announced is None else announced, 0, 0, start)
    return file + head + palette + pixels + behind
