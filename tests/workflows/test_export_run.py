"""A run's network as one file: what is written, and what is left alone."""

import pytest

from segscope.data import sha256_of
from segscope.errors import InputError
from segscope.inference import save_model
from segscope.workflows.export_run import export_run
from tests.inference.nets import random_model


@pytest.fixture
def run(tmp_path):
    model = random_model(2, widths=(4, 6), ending=".png")
    save_model(tmp_path / "run", model.spec, model.net)
    return tmp_path / "run"


def test_a_file_is_said_with_its_hash_and_not_replaced_unasked(run, tmp_path):
    file = tmp_path / "m.segscope"
    done = export_run(run, file)
    assert done.to_dict() == {
        "file": str(file), "megabytes": done.megabytes, "sha256": sha256_of(file)
    }  # fmt: skip
    assert 0 < done.megabytes < 1
    with pytest.raises(InputError, match="is there already; say --overwrite"):
        export_run(run, file)
    assert export_run(run, file, overwrite=True) == done


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no model\.json"):
        export_run(tmp_path, tmp_path / "m.segscope")
