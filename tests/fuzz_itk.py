"""NRRD and MetaImage files with one or two things changed, read by us and by SimpleITK.

The rule: where we read a file, SimpleITK gives the same voxels at the same places, or refuses it,
or dies; or what is ours and not theirs (units, rescaling) is in our notes. SimpleITK reads in a
process of its own, which is started again when a file kills it.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.itk_files import FIELDS, MEANT, NUMBERS, WHOLE, WORDS


@dataclass(frozen=True)
class Outcome:
    """What became of one changed file.

    Args:
        name: The change, in words.
        verdict: ``refused`` by us, ``alone`` (SimpleITK refuses or dies), ``equal``, ``said`` (what
            differs is in our notes), or a breach: ``other`` and ``raised``.
        what: Our refusal, our notes, or the difference.
    """

    name: str
    verdict: str
    what: str

    @property
    def is_breach(self) -> bool:
        return self.verdict in ("other", "raised")


def mutations(seed: int, count: int, ending: str = "") -> Iterator[tuple[str, str, bytes]]:
    """Yield ``(name, ending, bytes)`` of changed files; the same seed gives the same files."""
    random = np.random.default_rng(seed)
    whole = [(name, *file) for name, file in WHOLE.items() if file[0].endswith(ending)]
    for k in range(count):
        name, kind, data = whole[int(random.integers(len(whole)))]
        said = []
        for _ in range(int(random.integers(1, 3))):
            change = _CHANGES[int(random.integers(len(_CHANGES)))]
            data, what = change(random, kind, data)
            said.append(what)
        yield f"{k} {name}: {', '.join(said)}", kind, data


def compare(
    files: Iterable[tuple[str, str, bytes]], folder: Path, *, timeout_s: float = 300
) -> list[Outcome]:
    """Read each file by ours, and by SimpleITK what we read; ``folder`` is empty and writable."""
    from segscope.data import read_image
    from segscope.errors import InputError

    outcomes: list[Outcome | None] = []
    ours = {}
    for k, (name, ending, data) in enumerate(files):
        path = folder / f"{k:06d}{ending}"
        path.write_bytes(data)
        outcomes.append(None)
        try:
            found = read_image(path)
        except InputError as error:
            outcomes[k] = Outcome(name, "refused", str(error).partition(": ")[2])
        except Exception as error:
            outcomes[k] = Outcome(name, "raised", repr(error))
        else:
            ours[k] = (name, path, found)
    theirs = read_by_simpleitk([path for _, path, _ in ours.values()], timeout_s)
    for k, (name, path, found) in ours.items():
        outcomes[k] = _judged(name, found, theirs.get(path.name))
    return [outcome for outcome in outcomes if outcome is not None]


def _judged(name: str, found, theirs) -> Outcome:
    notes = "; ".join(found.notes)
    if theirs is None:
        return Outcome(name, "alone", notes)
    array, affine = theirs
    voxels = np.array_equal(found.array[0], array)
    places = np.allclose(found.grid.affine, affine, rtol=1e-6, atol=1e-9)
    if voxels and places:
        return Outcome(name, "equal", notes)
    excused = (voxels or _rescaled_so(notes, found.array[0], array)) and (
        places or "lengths converted" in notes
    )
    what = "" if voxels else "other voxels "
    what += "" if places else f"affine {found.grid.affine.tolist()} and {affine.tolist()} "
    return Outcome(name, "said" if excused else "other", f"{what}[{notes}]")


def _rescaled_so(notes: str, ours, theirs) -> bool:
    """Whether the notes say why the voxels differ: rescaled, or not found by MetaIO."""
    if "no CompressedDataSize" in notes:
        return True
    match = re.search(r"rescaled by (\S+) x \+ (\S+)", notes)
    return match is not None and np.allclose(ours, theirs * float(match[1]) + float(match[2]))


def read_by_simpleitk(paths: list[Path], timeout_s: float = 300) -> dict[str, tuple]:
    """What SimpleITK reads; files that it refuses, or that kill it, are left out."""
    found: dict[str, tuple] = {}
    left = list(paths)
    while left:
        asked = "\n".join(str(path) for path in left)
        with subprocess.Popen(
            [sys.executable, Path(__file__).with_name("itk_child.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as child:
            try:
                answer = child.communicate(asked, timeout=timeout_s)[0]
            except subprocess.TimeoutExpired:  # a file that it never comes back from
                child.kill()
                answer = child.communicate()[0]
        done = [json.loads(line) for line in answer.splitlines() if line.endswith("}")]
        for one in done:
            if one["affine"] is not None:
                path = Path(one["path"])
                found[path.name] = (np.load(f"{path}.npy"), np.array(one["affine"]))
        left = left[len(done) + 1 :]  # the first without an answer has killed the reader
    return found


def _split(kind: str, data: bytes) -> tuple[list[bytes], bytes]:
    end = data.find(b"\n\n") + 1 if kind == ".nrrd" else data.find(b"LOCAL\n") + 6
    return data[:end].splitlines(keepends=True), data[end:]


def _value(random) -> str:
    pool = NUMBERS if random.random() < 0.5 else WORDS
    return pool[int(random.integers(len(pool)))]


def _replaced(random, kind, data):
    lines, body = _split(kind, data)
    if not lines:
        return data, "nothing"
    k = int(random.integers(1 if kind == ".nrrd" and len(lines) > 1 else 0, len(lines)))
    sign = b": " if kind == ".nrrd" else b" = "
    name, value = lines[k].split(sign)[0].strip(), _value(random)
    lines[k] = name + sign + value.encode() + b"\n"
    return b"".join(lines) + body, f"{name.decode('latin-1')} is {value!r}"


def _added(random, kind, data):
    lines, body = _split(kind, data)
    names = FIELDS[kind]
    name, value = names[int(random.integers(len(names)))], _value(random)
    place = int(random.integers(1, max(2, len(lines))))
    sign = ": " if kind == ".nrrd" else " = "
    lines.insert(place, f"{name}{sign}{value}\n".encode())
    return b"".join(lines) + body, f"{name} added as {value!r}"


def _meant(random, kind, data):
    """A field with a value that it may have: in the place of the one that is there, or added."""
    lines, body = _split(kind, data)
    pool = MEANT[kind]
    name, value = pool[int(random.integers(len(pool)))]
    sign = b": " if kind == ".nrrd" else b" = "
    start = name.encode() + sign
    place = next((k for k, line in enumerate(lines) if line.startswith(start)), None)
    line = start + value.encode() + b"\n"
    if place is None:
        lines.insert(int(random.integers(1, max(2, len(lines)))), line)
    else:
        lines[place] = line
    return b"".join(lines) + body, f"{name} is {value!r}"


def _removed(random, kind, data):
    lines, body = _split(kind, data)
    if not lines:
        return data, "nothing"
    gone = lines.pop(int(random.integers(len(lines))))
    return b"".join(lines) + body, f"without {gone.decode('latin-1').strip()!r}"


def _moved(random, kind, data):
    lines, body = _split(kind, data)
    if len(lines) < 3:
        return data, "nothing"
    a, b = random.integers(1, len(lines), 2)
    lines[a], lines[b] = lines[b], lines[a]
    return b"".join(lines) + body, f"lines {a} and {b} exchanged"


def _cased(random, kind, data):
    lines, body = _split(kind, data)
    if not lines:
        return data, "nothing"
    k = int(random.integers(len(lines)))
    lines[k] = lines[k].upper() if random.random() < 0.5 else lines[k].lower()
    return b"".join(lines) + body, f"line {k} in other letters"


def _spelled(random, kind, data):
    lines, body = _split(kind, data)
    ways = ((b"\n", b"\r\n"), (b" = ", b"="), (b" = ", b": "), (b": ", b":"), (b": ", b":="),
            (b" ", b"\t"), (b" ", b"  "), (b"\n", b" \n"), (b"\n", b"\n\n"), (b",", b", "),
            (b"\n", b"\r"))  # fmt: skip
    old, new = ways[int(random.integers(len(ways)))]
    if random.random() < 0.5 and lines:
        k = int(random.integers(len(lines)))
        lines[k] = lines[k].replace(old, new)
        return b"".join(lines) + body, f"{new!r} for {old!r} in line {k}"
    return b"".join(lines).replace(old, new) + body, f"{new!r} for {old!r}"


def _changed_byte(random, kind, data):
    lines, body = _split(kind, data)
    head = bytearray(b"".join(lines))
    if not head:
        return data, "nothing"
    k, value = int(random.integers(len(head))), int(random.integers(256))
    head[k] = value
    return bytes(head) + body, f"byte {k} is {value}"


def _digit(random, kind, data):
    lines, body = _split(kind, data)
    head = bytearray(b"".join(lines))
    places = [k for k, byte in enumerate(head) if chr(byte) in "0123456789.-"]
    if not places:
        return data, "nothing"
    k = places[int(random.integers(len(places)))]
    head[k] = b"0123456789.-+e "[int(random.integers(15))]
    return bytes(head) + body, f"byte {k} is {chr(head[k])!r}"


def _other_body(random, kind, data):
    lines, body = _split(kind, data)
    cut = int(random.integers(1, 9))
    ways = (body[:-cut], body + b"\0" * cut, b"\0" * cut + body, body + body, body[cut:], b"",
            b"line\n" + body, body + b"\n")  # fmt: skip
    k = int(random.integers(len(ways)))
    return b"".join(lines) + ways[k], f"body {k} by {cut}"


_CHANGES = (_replaced, _replaced, _added, _added, _meant, _meant, _meant, _meant, _removed,
            _moved, _cased, _spelled, _changed_byte, _digit, _digit, _other_body)  # fmt: skip
