"""The process in which native decoders run, and how it and its parent talk.

Started as a script, it imports nothing of segscope, so that it begins in a few milliseconds. What
goes through the pipes is JSON and raw bytes, nothing that is executed: a decoder that a crafted
file has taken over can send numbers, no code.
"""

import importlib
import json
import os
import signal
import struct
import sys
from typing import Any, BinaryIO

READY = b"segscope\n"
_LENGTH = struct.Struct("<Q")
_PLAIN_KINDS = "biufc"


def send(pipe: BinaryIO, value: Any) -> None:
    """Write one value: None, booleans, numbers, text, bytes, arrays; lists, tuples, dicts of them.

    Raises:
        TypeError: It holds something else.
    """
    blobs: list[Any] = []
    head = json.dumps({"value": _packed(value, blobs), "sizes": [len(b) for b in blobs]}).encode()
    pipe.write(_LENGTH.pack(len(head)))
    pipe.write(head)
    for blob in blobs:
        pipe.write(blob)
    pipe.flush()


def receive(pipe: BinaryIO) -> Any:
    """Read one value.

    Raises:
        EOFError: The other side has gone.
    """
    (length,) = _LENGTH.unpack(_exactly(pipe, _LENGTH.size))
    head = json.loads(bytes(_exactly(pipe, length)))
    return _unpacked(head["value"], [_exactly(pipe, size) for size in head["sizes"]])


def _packed(value: Any, blobs: list[Any]) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes | bytearray):
        blobs.append(value)
        return {"bytes": len(blobs) - 1}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_packed(item, blobs) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[str(key), _packed(item, blobs)] for key, item in value.items()]}
    import numpy as np

    if isinstance(value, np.generic):
        return _packed(value.item(), blobs)
    if isinstance(value, np.ndarray) and value.dtype.kind in _PLAIN_KINDS:
        flat: Any = np.ascontiguousarray(value).reshape(-1)
        blobs.append(memoryview(flat).cast("B"))
        return {"array": len(blobs) - 1, "dtype": value.dtype.str, "shape": list(value.shape)}
    raise TypeError(f"{type(value).__name__} cannot be sent to another process")


def _unpacked(value: Any, blobs: list[bytearray]) -> Any:
    if not isinstance(value, dict):
        return value
    if "bytes" in value:
        return bytes(blobs[value["bytes"]])
    if "list" in value:
        return [_unpacked(item, blobs) for item in value["list"]]
    if "tuple" in value:
        return tuple(_unpacked(item, blobs) for item in value["tuple"])
    if "dict" in value:
        return {key: _unpacked(item, blobs) for key, item in value["dict"]}
    import numpy as np

    return np.frombuffer(blobs[value["array"]], value["dtype"]).reshape(value["shape"])


def _exactly(pipe: BinaryIO, count: int) -> bytearray:
    data = bytearray(count)
    view, place = memoryview(data), 0
    while place < count:
        got = pipe.readinto(view[place:])  # type: ignore[attr-defined]
        if not got:
            raise EOFError("the other side has gone")
        place += got
    return data


def imagecodecs_blocks(name: str, blocks: list[bytes], sizes: list[int]) -> list[bytes]:
    """Decode the blocks of one picture by a codec of imagecodecs, each to so many bytes at most."""
    decode = getattr(importlib.import_module("imagecodecs"), name)
    return [decode(block, out=size) for block, size in zip(blocks, sizes, strict=True)]


def jpeg_picture(stream: bytes) -> Any:
    """Decode a JPEG stream of 8 bits by Pillow."""
    import io

    import numpy as np
    from PIL.JpegImagePlugin import JpegImageFile

    picture = JpegImageFile(io.BytesIO(stream))
    picture.load()
    return np.asarray(picture)


def rle_frame(data: bytes, rows: int, columns: int, bits: int) -> bytes:
    """Decode a frame of DICOM's RLE to its samples, the lowest byte first."""
    library = importlib.import_module("rle")
    return bytes(
        library.decode_pixel_data(data, version=2, rows=rows, columns=columns, bits_allocated=bits)
    )


def serve() -> None:
    """Answer one request after the other until the parent has gone."""
    if hasattr(signal, "SIGINT"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    # libraries that print must not disturb the talk
    stream = os.dup(1)
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(stream, "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        os.dup2(nowhere, handle)
    answers.write(READY)
    answers.flush()
    try:
        sys.path[:] = receive(requests)
        while True:
            send(answers, _answer(receive(requests)))
    except (EOFError, BrokenPipeError):
        os._exit(0)  # nobody listens; no library gets the chance to fail at its end


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    if hasattr(signal, "alarm"):  # ends this process where its parent cannot any more
        signal.alarm(request["alarm"])
    try:
        function: Any = importlib.import_module(request["module"])
        for part in request["name"].split("."):
            function = getattr(function, part)
        value = function(*request["args"])
        _packed(value, [])
        return {"value": value}
    except Exception as error:  # decoders raise errors of their own, in any class
        return {"error": type(error).__name__, "said": str(error)}
    finally:
        if hasattr(signal, "alarm"):
            signal.alarm(0)


if __name__ == "__main__":
    serve()
