"""What is said of a model before it is used."""

import json

from segscope.inference import save_model
from segscope.workflows.inspect import inspect_model
from segscope.workflows.options import ModelOptions
from tests.inference.foreign.bundles import write_bundle
from tests.inference.foreign.programs import PREPARE, export_pt2, onnx_file
from tests.inference.nets import random_model


def test_a_run_says_its_plan(tmp_path):
    model = random_model(2, ending=".png")
    save_model(tmp_path / "run", model.spec, model.net)
    found = inspect_model(tmp_path / "run")
    assert found.kind == "a run of segscope"
    assert "in windows of 16x16, overlapping by 0.5" in found.running
    assert json.loads(json.dumps(found.to_dict()))["labels"] == {"label0": 0, "label1": 1}


def test_a_bundle_says_its_transforms_in_their_order(tmp_path):
    found = inspect_model(write_bundle(tmp_path / "bundle"))
    names = [said.split()[0] for said in found.preparation]
    assert names == ["Orientationd", "Spacingd", "CropForegroundd", "NormalizeIntensityd"]
    assert "pixdim [2.0, 2.0, 2.0]" in found.preparation[1]
    assert "labels: 0 background, 1 node" in found.to_text()


def test_programs_say_their_sizes_and_axes(tmp_path):
    file = tmp_path / "prepare.json"
    file.write_text(json.dumps(PREPARE))
    fixed = inspect_model(export_pt2(tmp_path / "m.pt2"), ModelOptions(prepare=str(file)))
    assert "in windows of 16x16 and no other size, overlapping by 0.5" in fixed.running
    file.write_text(json.dumps(PREPARE | {"axes": "zyx"}))
    turned = inspect_model(onnx_file(tmp_path / "m.onnx"), ModelOptions(prepare=str(file)))
    assert "as a whole" in turned.running
    assert turned.preparation[-1] == "shown with its axes in reverse (z, y, x)"


def test_a_classifier_says_what_it_is_for(shared_models):
    found = inspect_model(shared_models / "timm_mobilenetv3" / "model")
    assert found.kind == "a classifier of timm"
    assert "classify predict" in found.running[0]
