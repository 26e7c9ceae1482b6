"""Changed NRRD and MetaImage files, read by us and by SimpleITK (see `tests.fuzz_itk`)."""

import numpy as np
import pytest

from segscope.data.decoders import metaimage
from tests.fuzz_itk import compare, mutations, read_by_simpleitk
from tests.itk_files import VOLUME, WHOLE


def test_whole_files_are_equal_or_beyond_simpleitk(tmp_path):
    found = {
        one.name: one.verdict for one in compare([(n, *f) for n, f in WHOLE.items()], tmp_path)
    }
    assert found.pop("NRRD bzip2") == "alone"  # SimpleITK is built without bzip2
    assert set(found.values()) == {"equal"}


@pytest.mark.parametrize("ending", [".nrrd", ".mha"])
def test_no_changed_file_is_read_otherwise_in_silence(tmp_path, ending):
    found = compare(mutations(7, 300, ending), tmp_path)
    assert len(found) == 300
    assert [one for one in found if one.is_breach] == []
    counts = {v: sum(one.verdict == v for one in found) for v in ("refused", "equal")}
    assert min(counts.values()) > 30  # neither everything nor nothing is refused


def test_a_file_that_kills_simpleitk_stops_nothing(tmp_path):
    paths = [tmp_path / name for name in ("a.mha", "b.mha", "c.mha")]
    for path in paths:
        path.write_bytes(WHOLE["MHA raw"][1])
    deadly = paths[1].read_bytes().replace(b"NDims = 3", b"NDims = -1")
    paths[1].write_bytes(deadly)
    found = read_by_simpleitk(paths)
    assert set(found) == {"a.mha", "c.mha"}
    np.testing.assert_array_equal(found["c.mha"][0], VOLUME)


def test_another_reading_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(metaimage, "_real_values", lambda path, fields, values: (values + 1, ()))
    assert [one.verdict for one in compare([("a", *WHOLE["MHA raw"])], tmp_path)] == ["other"]


@pytest.mark.parametrize("ending", [".nrrd", ".mha"])
def test_the_same_seed_gives_the_same_files(ending):
    assert list(mutations(3, 40, ending)) == list(mutations(3, 40, ending))
    assert len({name for name, _, _ in mutations(3, 40, ending)}) == 40
