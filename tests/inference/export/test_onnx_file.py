"""A run as ONNX: the network's own logits at any size, and nothing of the machine that wrote it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from segscope.data import write_image
from segscope.errors import InputError, WorkError
from segscope.images import Grid, Image
from segscope.inference import save_model
from segscope.inference.export import onnx_file
from segscope.inference.export.onnx_file import check_onnx, write_onnx
from segscope.networks import NETWORKS, build_network
from tests.commands import call, call_flat
from tests.inference.nets import random_model


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    model = random_model(2, ending=".png", channels=[
        {"name": "x", "scheme": "rescale", "lower": 0, "upper": 255}])  # fmt: skip
    save_model(folder, model.spec, model.net)
    return folder


@pytest.fixture(scope="module")
def written(run, tmp_path_factory):
    from segscope.workflows.export import export_model

    folder = tmp_path_factory.mktemp("out") / "onnx"
    return export_model(run, folder, form="onnx")


def test_what_was_written_predicts_what_the_run_predicts(run, written, tmp_path, capsys):
    images = tmp_path / "images"
    images.mkdir()
    for number, sides in enumerate([(16, 16), (32, 40)]):  # a window, and several
        array = np.random.default_rng(number).integers(0, 255, (1, *sides)).astype(np.uint8)
        write_image(images / f"c{number}_0000.png", Image(array, Grid.from_spacing(sides)))
    for model, out in ((run, "a"), (written.folder / "model.onnx", "b")):
        code, _, err = call(capsys, "predict", model, "-i", images, "-o", tmp_path / out,
                            "--probabilities")  # fmt: skip
        assert code == 0, err
    for name in ("c0", "c1"):
        own, other = (np.load(tmp_path / out / f"{name}.npz")["probabilities"] for out in "ab")
        np.testing.assert_allclose(own, other, atol=1e-5)
        assert own.std() > 1e-3


def test_nothing_tells_where_it_was_written(written):
    assert set(written.files) == {"model.onnx", "model.json", "prepare.yaml", "README.md"}
    here = Path.cwd()
    secret = [str(Path.home()), str(here), str(Path(onnx_file.__file__).parent), "site-packages",
              "stack_trace", str(written.folder.parent)]  # fmt: skip
    for name in written.files:
        content = (written.folder / name).read_bytes()
        found = [text for text in secret if text.encode() in content and len(text) > 1]
        assert not found, (name, found)


def test_layers_keep_the_networks_names(written):
    from segscope.inference.foreign.onnx_program import read_onnx

    net, signature = read_onnx(written.folder / "model.onnx")
    assert signature.shape == (None, 1, None, None)
    assert any("encoder" in name for name in net._layers)


@pytest.mark.slow
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_network_can_be_written(name, dims, tmp_path):
    net = build_network(name, dims, 2, 3, widths=(4, 8, 8)).eval()
    assert write_onnx(tmp_path / "m.onnx", net) < 1e-4


def test_a_volume_network_with_instance_norm_and_uneven_strides(tmp_path):
    net = build_network("unet", 3, 1, 2, widths=(2, 4, 4), norm="instance",
                        strides=[(1, 2, 2), 2]).eval()  # fmt: skip
    assert write_onnx(tmp_path / "m.onnx", net) < 1e-4


def test_a_file_of_other_weights_fails_the_check(written, run):
    from segscope.inference import load_model

    net = load_model(run).net
    with torch.no_grad():
        next(net.parameters()).add_(0.5)
    with pytest.raises(WorkError, match="gives other logits"):
        check_onnx(written.folder / "model.onnx", net)


def test_what_cannot_be_exported_is_refused(run, tmp_path, monkeypatch, capsys):
    code, _, err = call_flat(capsys, "export", run, "--to", "onnx", "-o", run)
    assert code == 2
    code, _, err = call_flat(capsys, "export", run, "--to", "jax", "-o", tmp_path / "x")
    assert (code, "--to jax" in err) == (2, True)
    monkeypatch.setattr(onnx_file, "_PACKAGES", ("no_such_package",))
    with pytest.raises(InputError, match=r"install segscope\[export\]"):
        write_onnx(tmp_path / "m.onnx", random_model(2).net)


def test_the_command_says_what_was_checked_and_what_comes_next(run, tmp_path, capsys):
    code, out, err = call(capsys, "export", run, "--to", "onnx", "-o", tmp_path / "o", "--json")
    assert code == 0, err
    said = json.loads(out)
    assert "opset 18; onnxruntime gives the network's logits on three shapes" in said["said"][0]
