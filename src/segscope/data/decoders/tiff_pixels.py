"""The strips or tiles of a TIFF picture to its stored samples."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.data.decoders.samples import unpacked
from segscope.data.decoders.tiff_layout import Layout
from segscope.errors import InputError

_REVERSED = np.array([int(f"{k:08b}"[::-1], 2) for k in range(256)], np.uint8).tobytes()


def tiff_samples(path: Path, data: bytes, layout: Layout) -> NDArray[Any]:
    """Decode all blocks to ``(rows, columns, samples)`` as stored.

    Raises:
        InputError: A block is damaged or holds another number of bytes than its header says.
    """
    wanted = list(layout.blocks())
    packed = [_packed(data, layout, span) for _, span in wanted]
    blocks = [layout.block(rows) for rows, _ in wanted]
    found_parts = layout.codec.decompress(path, packed, blocks)
    parts = [
        _whole(path, layout, rows, part)
        for (rows, _), part in zip(wanted, found_parts, strict=True)
    ]
    groups = layout.samples if layout.apart else 1
    each = len(parts) // groups
    planes = [_assembled(layout, b"".join(parts[k * each : (k + 1) * each])) for k in range(groups)]
    found = planes[0] if groups == 1 else np.concatenate(planes, axis=-1)
    return _rgb(found) if layout.model == 6 and layout.codec.name != "JPEG" else found


def _packed(data: bytes, layout: Layout, span: tuple[int, int]) -> bytes:
    packed = data[span[0] : sum(span)]
    return packed.translate(_REVERSED) if layout.turned else packed


def _whole(path: Path, layout: Layout, rows: int, found: bytes) -> bytes:
    size = layout.block(rows).size
    if rows < layout.block_rows and len(found) == layout.block(layout.block_rows).size:
        found = found[:size]  # some programs fill the last strip up
    if len(found) != size:
        raise InputError(
            f"{path}: a strip or tile holds {len(found)} bytes, its header announces {size}; copy "
            "it again"
        )
    return found


def _assembled(layout: Layout, raw: bytes) -> NDArray[Any]:
    """Rows of bytes to ``(rows, columns, samples that lie together)``."""
    wide, together = layout.block_columns, layout.together
    line = (wide * together * layout.bits + 7) // 8
    table = np.frombuffer(raw, np.uint8).reshape(-1, line)
    lines = _numbers(layout, table, wide * together)
    lines = lines.reshape(len(lines), wide, together)
    if not layout.tiled:
        return lines
    across, down = -(-layout.columns // wide), -(-layout.rows // layout.block_rows)
    tiles = lines.reshape(down, across, layout.block_rows, wide, together)
    whole = tiles.swapaxes(1, 2).reshape(down * layout.block_rows, across * wide, together)
    return whole[: layout.rows, : layout.columns]


def _numbers(layout: Layout, table: NDArray[np.uint8], count: int) -> NDArray[Any]:
    if layout.predictor == 3:
        return _float_sums(layout, table, count)
    if layout.kind == "u" and (layout.bits < 8 or layout.bits not in (8, 16, 32, 64)):
        return unpacked(table, count, layout.bits)
    order = "=" if layout.codec.pictures else layout.order
    size = layout.bits // 8
    if layout.predictor == 2:  # differences are those of whole numbers, also of floating point
        steps = table.view(f"{order}u{size}").reshape(len(table), -1, layout.together)
        sums = np.cumsum(steps, axis=1, dtype=f"u{size}").reshape(len(table), count)
        return sums.view(f"{layout.kind}{size}")
    return table.view(f"{order}{layout.kind}{size}").astype(f"{layout.kind}{size}", copy=False)


def _float_sums(layout: Layout, table: NDArray[np.uint8], count: int) -> NDArray[Any]:
    """Predictor 3: bytes of equal weight lie together, the highest first, as differences."""
    size = layout.bits // 8
    steps = table.reshape(len(table), -1, layout.together)
    sums = np.cumsum(steps, axis=1, dtype=np.uint8).reshape(len(table), size, count)
    joined = np.ascontiguousarray(sums.swapaxes(1, 2))
    return joined.view(f">f{size}").reshape(len(table), count).astype(f"f{size}")


def _rgb(found: NDArray[Any]) -> NDArray[Any]:
    """YCbCr of the whole range, BT.601, as JFIF converts."""
    y, cb, cr = (found[..., k].astype(np.float64) for k in range(3))
    red, blue = cr - 128, cb - 128
    mixed = (y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue)
    colours = np.clip(np.rint(np.stack(mixed, -1)), 0, 255).astype(np.uint8)
    return np.concatenate([colours, found[..., 3:]], axis=-1)
