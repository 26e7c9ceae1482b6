"""Models of other tools predict what these tools predict, from the command line."""

import json

import numpy as np
import pytest
import torch

from segscope.audit import audit
from segscope.data import open_dataset, read_label
from segscope.errors import InputError
from segscope.inference import open_model
from segscope.inference.foreign.program import read_program
from segscope.inference.kind import OpenOptions
from tests.commands import call, call_flat
from tests.inference.foreign.programs import (
    PREPARE,
    SIDE,
    dice,
    export_pt2,
    image,
    onnx_file,
    script,
    spots,
)

ARTEFACTS = ["smp_unet", "torchscript_unet", "exported_unet", "onnx_unet", "monai_unet"]


@pytest.mark.parametrize("name", ARTEFACTS)
def test_a_stored_model_predicts_what_its_own_tool_did(name, shared_models, tmp_path, capsys):
    place = shared_models / name
    facts = json.loads((place / "artefact.json").read_text())
    (reference,) = facts["references"]
    given = [place / a if a.endswith(".json") else a for a in reference["arguments"]]
    code, _, err = call(capsys, "predict", place / facts["model"], "-i", place / "images",
                        "-o", tmp_path, "--probabilities", *given)  # fmt: skip
    assert code == 0, err
    expected = [f for f in sorted((place / reference["folder"]).iterdir()) if f.suffix != ".npz"]
    assert expected
    for file in expected:
        found, truth = read_label(tmp_path / file.name).array, read_label(file).array
        assert np.mean(found == truth) >= 0.9999
        assert all(dice(found, truth, value) >= 0.999 for value in np.unique(truth))
        if reference["probabilities"]:
            stored = np.load(file.with_suffix(".npz"))["probabilities"][0]
            with np.load(tmp_path / f"{file.stem}.npz") as own:
                np.testing.assert_allclose(own["probabilities"], stored, atol=1e-4)


def test_three_forms_of_one_network_have_the_same_layers_scores(shared_models, shared_data):
    """As exported, as ONNX, and as the network itself: read in three ways, one result."""
    case = open_dataset(shared_data / "isic2017_skin").training[0]
    layers = ["decoder.blocks.1.conv2.2", "decoder.blocks.3.conv1.2", "encoder.model.act1"]
    scores = {}
    for name in ("exported_unet/model.pt2", "onnx_unet/model.onnx", "smp_unet/model"):
        found = audit(open_model(shared_models / name), [case], layers=layers, units="none")
        scores[name] = [one.scores["dice"][0] for one in found.cases[0].layers]
        assert sorted(found.layers) == sorted(layers)
    first, *others = scores.values()
    assert min(first) > 0
    for other in others:
        assert other == pytest.approx(first, abs=2e-3)


@pytest.fixture
def said(tmp_path):
    file = tmp_path / "prepare.json"
    file.write_text(json.dumps(PREPARE))
    return file


@pytest.mark.parametrize("make, ending", [(export_pt2, "pt2"), (script, "ts"), (onnx_file, "onnx")])
def test_every_form_gives_the_networks_own_logits(make, ending, tmp_path, said):
    model = open_model(make(tmp_path / f"m.{ending}"), OpenOptions(prepare=said))
    x = image()
    with torch.no_grad():
        torch.testing.assert_close(model.net(x), spots()(x), rtol=1e-4, atol=1e-5)


def test_a_fixed_size_is_read_and_larger_images_go_through_in_windows_of_it(tmp_path, said):
    model = open_model(export_pt2(tmp_path / "m.pt2"), OpenOptions(prepare=said))
    assert model.spec.patch == (SIDE, SIDE)
    assert model.parts.fixed
    free = open_model(onnx_file(tmp_path / "m.onnx"), OpenOptions(prepare=said))
    assert free.spec.patch is None
    seen = []
    model.net.body.register_forward_pre_hook(lambda m, given: seen.append(given[0].shape))
    from segscope.images import Grid, Image
    from segscope.inference import predict_labels

    wide = Image(np.full((1, 19, 40), 9.0), Grid.from_spacing((19, 40)))
    assert predict_labels(model, wide).array.shape == (19, 40)
    assert {tuple(shape) for shape in seen} == {(1, 1, SIDE, SIDE)}


def test_a_script_is_known_whatever_its_ending_and_weights_alone_are_not(tmp_path, capsys):
    file = script(tmp_path / "m.pt")
    assert read_program(file).kind == "a TorchScript file"
    torch.save(spots().state_dict(), tmp_path / "w.pt")
    code, _, err = call_flat(capsys, "model", "inspect", tmp_path / "w.pt")
    assert code == 2
    assert "--model module:function" in err


def test_a_program_without_a_preparation_is_refused_with_one_to_fill_in(tmp_path, capsys):
    code, _, err = call(capsys, "predict", onnx_file(tmp_path / "m.onnx"), "-i", tmp_path, "-o",
                        tmp_path / "out")  # fmt: skip
    assert code == 2
    assert "labels: {background: 0, class 1: 1}" in err


@pytest.mark.parametrize("ending", ["pt2", "onnx", "ts"])
def test_what_is_no_program_is_refused_by_its_name(ending, tmp_path):
    file = tmp_path / f"m.{ending}"
    file.write_bytes(b"not a network at all" * 9)
    with pytest.raises(InputError, match=str(file)):
        read_program(file)


@pytest.mark.parametrize("make, ending", [(export_pt2, "pt2"), (script, "ts"), (onnx_file, "onnx")])
def test_a_file_that_was_cut_is_refused_by_its_name(make, ending, tmp_path):
    file = make(tmp_path / f"m.{ending}")
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(InputError, match=str(file)):
        read_program(file)


def test_layers_of_a_script_are_refused_with_what_has_them(tmp_path, said, capsys):
    from tests.synthetic import write_plane_dataset

    data = write_plane_dataset(tmp_path / "data", cases=1)
    facts = json.loads((data / "dataset.json").read_text())
    said.write_text(json.dumps(PREPARE | {"labels": facts["labels"]}))
    code, _, err = call_flat(capsys, "audit", script(tmp_path / "m.ts"), "-i", data, "-o",
                             tmp_path / "audit", "--prepare", said)  # fmt: skip
    assert code == 2
    assert "TorchScript shows no layers; give the .pt2 file, the ONNX file" in err
