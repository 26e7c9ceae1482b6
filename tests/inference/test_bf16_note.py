"""bfloat16 that is asked for where it is only imitated is said."""

import pytest

from segscope.inference import load_model, save_model
from segscope.inference import model as model_module
from tests.inference.nets import random_model


@pytest.mark.parametrize("has", [True, False], ids=["has it", "imitates it"])
def test_it_is_noted_where_a_device_imitates_bfloat16(tmp_path, monkeypatch, has):
    made = random_model(2, widths=(4, 6), patch=(16, 16), channels=[{"name": "MR"}])
    save_model(tmp_path, made.spec, made.net)
    monkeypatch.setattr(model_module, "has_bf16", lambda device: has)
    notes = load_model(tmp_path, bf16=True).notes
    assert any("no instructions for bfloat16" in note for note in notes) is not has
    assert not any("bfloat16" in note for note in load_model(tmp_path).notes)
