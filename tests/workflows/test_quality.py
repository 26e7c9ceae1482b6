"""What a ranking needs is told before a network is loaded."""

import pytest

from segscope.errors import InputError
from segscope.workflows.quality import QualityOptions, quality


def test_what_is_no_run_is_told(tmp_path):
    with pytest.raises(InputError, match=r"holds no model\.json"):
        quality(tmp_path, tmp_path)


def test_a_score_that_no_package_has_is_told_before_the_network_is_read(tmp_path):
    (tmp_path / "model.json").write_text("no json")
    with pytest.raises(InputError, match="nothing_of_the_kind"):
        quality(
            tmp_path, tmp_path, tmp_path / "out", QualityOptions(scores=["nothing_of_the_kind"])
        )
    with pytest.raises(InputError, match=r"model\.json"):
        quality(tmp_path, tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
