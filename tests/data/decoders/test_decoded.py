"""Whatever a library raises about a file is one line that names the file."""

import errno
from pathlib import Path

import pytest

from segscope.data.decoders.decoded import decoding
from segscope.errors import InputError, WorkError


class SilentError(Exception):
    def __str__(self):
        raise RuntimeError("cannot say")


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (KeyError(64), "a.tif: cannot be decoded (KeyError: 64); copy it again"),
        (ValueError("two\n  lines"), "a.tif: cannot be decoded (ValueError: two lines); copy it "
         "again"),
        (SilentError(), "a.tif: cannot be decoded (SilentError); copy it again"),
        (MemoryError(), "a.tif: is too large for this machine's memory; free memory, or use "
         "another machine"),
        (ValueError("x" * 900), f"a.tif: cannot be decoded (ValueError: {'x' * 200}); copy it "
         "again"),
    ],
    ids=["key", "lines", "silent", "memory", "long"],
)  # fmt: skip
def test_errors_of_libraries_become_the_files(raised, said):
    with pytest.raises(InputError) as caught, decoding(Path("a.tif")):
        raise raised
    assert str(caught.value) == said
    assert caught.value.__cause__ is raised


def test_the_systems_own_words_are_kept():
    with (
        pytest.raises(InputError, match=r"^a\.tif: (?!cannot be decoded)"),
        decoding(Path("a.tif")),
    ):
        raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("kind", [InputError, WorkError, KeyboardInterrupt, SystemExit])
def test_our_own_errors_and_interruptions_pass_as_they_are(kind):
    raised = kind("as it is")
    with pytest.raises(kind) as caught, decoding(Path("a.tif")):
        raise raised
    assert caught.value is raised
