"""Cases of a run: prepared once, and with them what brings a prediction back."""

import numpy as np
import pytest

from segscope.data import Cache, load_of, measure_fingerprint, open_dataset
from segscope.training import plan_recipe
from segscope.training.run import prepare_case
from tests.synthetic import write_volume_dataset


def test_a_stored_case_brings_its_way_back_and_its_label_map(tmp_path, monkeypatch):
    dataset = open_dataset(write_volume_dataset(tmp_path / "data", cases=2))
    changes = {"preprocessing": {"spacing_mm": [1.5, 1.5, 1.5]}}
    plan = plan_recipe(measure_fingerprint(dataset), None, changes).preprocessing
    case = dataset.training[0]
    made = prepare_case(case, dataset, plan, Cache(tmp_path / "cache"))
    loaded = load_of(dataset, case)
    monkeypatch.setattr(
        "segscope.training.prepared.load_of", lambda *about: pytest.fail("read once more")
    )
    found = prepare_case(case, dataset, plan, Cache(tmp_path / "cache"))
    np.testing.assert_array_equal(found.image, made.image)
    np.testing.assert_array_equal(found.truth().array, loaded.label.array)
    np.testing.assert_array_equal(found.truth().grid.affine, loaded.label.grid.affine)
    prepared = plan.apply(loaded.image)
    assert found.undo.array is found.image
    np.testing.assert_array_equal(
        plan.undo(found.image, found.undo).array, plan.undo(prepared.array, prepared).array
    )
