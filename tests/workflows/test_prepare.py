"""Cases prepared ahead of a training: what is made, once, and what is refused."""

import pytest

from segscope.errors import InputError
from segscope.workflows.prepare import PrepareOptions, prepare
from tests.synthetic import write_plane_dataset


def test_cases_are_prepared_once_and_said(tmp_path):
    data = write_plane_dataset(tmp_path / "data", cases=3, shape=(16, 16))
    said = []
    found = prepare(data, tmp_path / "cache", say=said.append)
    assert found.to_dict()["cases"] == ["p0", "p1", "p2"]
    assert any(line.startswith("channel 0") for line in found.plan)
    assert said[0].startswith("network unet 2D")
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").iterdir()}
    assert [file.suffix for file in before] == [".arrays"] * 3
    assert prepare(data, tmp_path / "cache").cases == found.cases
    assert {f: f.stat().st_mtime_ns for f in (tmp_path / "cache").iterdir()} == before


def test_a_recipe_with_masks_is_refused_before_anything_is_written(tmp_path):
    data = write_plane_dataset(tmp_path / "data", cases=3, shape=(16, 16))
    options = PrepareOptions(settings={"inputs": "image+gbm", "mask.method": "threshold"})
    with pytest.raises(InputError, match="prepare: this recipe shows its network masks"):
        prepare(data, tmp_path / "cache", options)
    assert not (tmp_path / "cache").exists()
