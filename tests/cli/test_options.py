"""What commands ask of readers."""

from segscope.cli.options import reading
from segscope.data import AS_STORED, ReadOptions


def test_nothing_is_changed_in_files_unless_it_is_asked_for():
    assert reading() == AS_STORED
    assert reading(0.0, True, False) == ReadOptions(0.0, True, False)
    assert reading(resample_labels=True).resample_labels
