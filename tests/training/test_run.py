"""A run is never overwritten, and nothing is resumed that is not there."""

import pytest

from segscope.data import measure_fingerprint, open_dataset
from segscope.errors import InputError
from segscope.training import plan_recipe, train_dataset
from tests.synthetic import write_plane_dataset
from tests.training.tiny import TINY, run


@pytest.fixture(scope="module")
def planes(tmp_path_factory):
    return open_dataset(write_plane_dataset(tmp_path_factory.mktemp("planes")))


def test_resuming_nothing_is_an_error(planes, tmp_path):
    fingerprint = measure_fingerprint(planes)
    recipe = plan_recipe(fingerprint, None, TINY)
    with pytest.raises(InputError, match="without --resume"):
        train_dataset(planes, fingerprint, recipe, tmp_path / "none", folds=3, resume=True)


def test_a_run_is_never_overwritten(planes, tmp_path):
    run(planes, tmp_path / "run")
    before = (tmp_path / "run" / "weights_best.safetensors").read_bytes()
    with pytest.raises(InputError, match="holds a run already"):
        run(planes, tmp_path / "run")
    assert (tmp_path / "run" / "weights_best.safetensors").read_bytes() == before
