"""Whatever a path leads to: read when it is a regular file, else refused at once in one line."""

import os
import signal
import socket
import sys
import threading
from pathlib import Path

import pytest

from segscope import paths
from segscope.data import copy_file, read_image, read_label, read_verified, sha256_of, write_text
from segscope.errors import InputError, WorkError
from segscope.paths import (
    is_file,
    is_folder,
    is_there,
    kind_of,
    list_folder,
    make_folder,
    naming,
    read_bytes,
    read_json,
    read_text,
    real_path,
)
from segscope.training.run_folder import locked

posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
pytestmark = posix


@pytest.fixture(autouse=True)
def _no_waiting():
    """A test that waits for a pipe shall fail, not wait."""

    def late(*_):
        raise TimeoutError("waited for what is no file")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def bind(path):
    here = os.getcwd()
    os.chdir(path.parent)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(path.name)
    os.chdir(here)


MAKERS = {
    "pipe": os.mkfifo,
    "loop": lambda path: os.symlink(path.name, path),
    "dangling": lambda path: os.symlink("nowhere", path),
    "folder": lambda path: path.mkdir(),
    "socket": bind,
    "pipe behind a link": lambda p: (os.mkfifo(p.parent / "pipe"), os.symlink("pipe", p)),
    "missing": lambda path: None,
}
SAID = {
    "pipe": "is a named pipe; name",
    "loop": "is a link that leads back to itself; mend",
    "dangling": "no such file or folder; check",
    "folder": "is a folder",
    "socket": "is a socket; name",
    "pipe behind a link": "is a named pipe; name",
    "missing": "no such file or folder; check",
    "too long": "its name is too long for this file system; shorten it",
    "under a file": "a part of its path is a file and no folder; check",
    "device": "is a device; name",
}


def bad_path(folder, kind, ending):
    if kind == "device":
        return Path("/dev/zero")
    if kind == "too long":
        return folder / ("x" * 300 + ending)
    if kind == "under a file":
        (folder / "plain").write_text("x")
        return folder / "plain" / f"a{ending}"
    MAKERS[kind](folder / f"a{ending}")
    return folder / f"a{ending}"


READERS = {
    "read_bytes": (read_bytes, ".bin"),
    "read_text": (read_text, ".txt"),
    "read_json": (read_json, ".json"),
    "read_verified": (read_verified, ".nii"),
    "sha256_of": (sha256_of, ".bin"),
    "copy_file": (lambda path: copy_file(path, path.with_name("copy")), ".bin"),
    "read_image": (read_image, ".nii.gz"),
    "read_image of a plane": (read_image, ".png"),
    "read_label": (read_label, ".nii.gz"),
    "no image": (read_image, ".xyz"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", SAID)
def test_what_is_no_file_is_refused_in_one_line_with_what_to_do(tmp_path, reader, kind):
    read, ending = READERS[reader]
    path = bad_path(tmp_path, kind, ending)
    with pytest.raises(InputError) as caught:
        read(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert SAID[kind] in said
    assert "; " in said
    assert "\n" not in said
    assert "Errno" not in said


@pytest.mark.parametrize("path", ["a\0b.nii.gz", "\ud800.nii.gz"], ids=["NUL", "half a character"])
def test_what_no_name_may_hold_is_refused(path):
    for read in (read_bytes, read_image, read_label, list_folder, real_path):
        with pytest.raises(InputError, match="no name can have"):
            read(Path(path))
    assert not any(ask(Path(path)) for ask in (is_file, is_folder, is_there))


def test_bytes_that_are_no_text_are_names_too(tmp_path):
    path = tmp_path / os.fsdecode(b"a\xff.txt")
    path.write_bytes(b"x")
    assert read_text(path) == "x"
    write_text(tmp_path / "named.txt", f"of {path.name}")
    assert read_text(tmp_path / "named.txt") == "of a\\udcff.txt"


def test_permissions_are_said(tmp_path, monkeypatch):
    path = tmp_path / "a.nii"
    path.write_bytes(b"x")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(paths.os, "open", refuse)  # tests may run as root
    with pytest.raises(InputError, match="may not be read; check its permissions"):
        read_image(path)


def test_a_disk_that_fails_is_said(tmp_path):
    said = r"^a: cannot be read \(Input/output error\); check"
    with pytest.raises(InputError, match=said), naming("a"):
        raise OSError(5, "Input/output error")
    with pytest.raises(ValueError, match="another"), naming("a"):
        raise ValueError("another fault")
    with pytest.raises(InputError, match="b: is empty"), naming("a"):
        raise InputError("b: is empty; copy it")


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(1000))
    honest = os.fstat

    class Longer:
        def __init__(self, found):
            self.st_size, self.st_mode = found.st_size + 10, found.st_mode

        def __getattr__(self, name):
            return getattr(honest(0), name)

    monkeypatch.setattr(paths.os, "fstat", lambda handle: Longer(honest(handle)))
    with pytest.raises(InputError, match="was 1010 bytes and became 1000 while it was read"):
        read_bytes(path)


def test_a_file_larger_than_allowed_is_not_read(tmp_path):
    path = tmp_path / "a.nii"
    with path.open("wb") as file:
        file.truncate(1 << 35)  # of holes
    with pytest.raises(InputError, match="too large"):
        read_image(path)


@pytest.mark.parametrize(
    "text",
    [b"{", b"\xff\xfe{}", b"[" * 100_000, b"1" * 5000, b""],
    ids=["cut", "another encoding", "deep", "a number of 5000 digits", "empty"],
)
def test_what_is_no_json_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_bytes(text)
    with pytest.raises(InputError, match=r"a\.json: is not (JSON|text)"):
        read_json(tmp_path / "a.json")


def test_questions_never_fail_and_links_count_as_there(tmp_path):
    for kind, there in {"loop": True, "dangling": True, "pipe": True, "too long": False}.items():
        folder = tmp_path / kind
        folder.mkdir()
        path = bad_path(folder, kind, ".x")
        assert (is_file(path), is_folder(path), is_there(path)) == (False, False, there), kind
    (tmp_path / "f").write_text("x")
    assert kind_of(tmp_path / "f") is None
    assert kind_of(tmp_path) == "a folder"
    assert real_path(tmp_path / "loop" / "a.x").name == "a.x"


@pytest.mark.parametrize("kind", ["pipe", "loop", "under a file", "too long", "socket", "device"])
def test_a_folder_cannot_be_made_there(tmp_path, kind):
    path = bad_path(tmp_path, kind, "")
    with pytest.raises(InputError) as caught:
        make_folder(path)
    assert str(caught.value).startswith(f"{path}: ")
    make_folder(tmp_path / "new" / "deep")
    make_folder(tmp_path / "new" / "deep")
    assert is_folder(tmp_path / "new" / "deep")


@pytest.mark.parametrize("kind", ["pipe", "folder", "socket", "device", "too long", "under a file"])
def test_no_output_takes_the_place_of_what_is_no_file(tmp_path, kind):
    path = bad_path(tmp_path, kind, ".json")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError) as caught:
        write_text(path, "x")
    assert str(caught.value).startswith(f"{path}: ")
    assert sorted(tmp_path.rglob("*")) == before
    if kind in ("pipe", "socket"):
        assert kind_of(path) in ("a named pipe", "a socket")


def test_a_folder_that_is_not_there_is_still_a_failure_of_the_work(tmp_path):
    with pytest.raises(WorkError, match="could not be written"):
        write_text(tmp_path / "nowhere" / "a.json", "x")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc lists what is open")
def test_nothing_stays_open(tmp_path):
    os.mkfifo(tmp_path / "a.nii")
    (tmp_path / "b.nii").write_bytes(b"x")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        for name in ("a.nii", "b.nii", "c.nii"):
            with pytest.raises(InputError):
                read_image(tmp_path / name)
    if threading.active_count() == 1:
        assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("kind", ["pipe", "link to nowhere"])
def test_a_lock_that_is_no_file_is_refused_and_not_waited_for(tmp_path, kind):
    lock = tmp_path / ".segscope" / "lock"
    lock.parent.mkdir()
    if kind == "pipe":
        os.mkfifo(lock)
    else:
        lock.symlink_to(tmp_path / "none")
    with pytest.raises(InputError, match="is no regular file"), locked(tmp_path):
        pytest.fail("it was taken")
