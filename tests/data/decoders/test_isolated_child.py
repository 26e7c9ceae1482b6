"""The process that decodes imports what it needs only."""

from pathlib import Path

from segscope.data.decoders.isolated import close_isolated, isolated
from tests import isolated_work as work

FILE = Path("a.tif")


def test_the_process_imports_what_it_needs_only():
    close_isolated()
    there = isolated(FILE, work.modules)
    assert not {"torch", "nibabel", "SimpleITK", "pydicom", "segscope"} & set(there)
