"""Weights from caches and from afar, on files and a server that the tests make."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from pytorchcv.models.common import model_store
from safetensors.torch import load_file, save_file

from segscope.errors import InputError
from segscope.inference import pretrained
from segscope.networks import CLASSIFIERS, classifier
from segscope.networks.timm_library import import_timm
from tests.corpus import write_dataset

SCRIPT = "from segscope.cli.main import main; main()"


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A cache, and a published file of MobileNetV2 that says its first bias is 7."""
    net = classifier("mobilenetv2", 3, 1000).body
    state = net.state_dict()
    state["features.init_block.bn.bias"].fill_(7)
    source = tmp_path / "source.pth"
    torch.save(state, source)
    sha1 = hashlib.sha1(source.read_bytes()).hexdigest()
    facts = {"mobilenetv2b_w1": (1, "0912", sha1, "v9")}
    monkeypatch.setattr(model_store, "get_model_metainfo_dict", lambda: facts)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return (
        source,
        tmp_path / "cache" / "hub" / "checkpoints" / f"mobilenetv2b_w1-0912-{sha1[:8]}.pth",
    )


@pytest.fixture
def server(tmp_path, monkeypatch):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    folder = tmp_path / "web" / "releases" / "download" / "v9"
    folder.mkdir(parents=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "web")) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        monkeypatch.setattr(
            model_store, "imgclsmob_repo_url", f"http://127.0.0.1:{web.server_port}"
        )
        yield folder
        web.shutdown()


def publish(folder, file, source, inside=None):
    with zipfile.ZipFile(folder / f"{file.name}.zip", "w") as packed:
        packed.write(source, inside or file.name)


def first_bias(state):
    return float(state["features.init_block.bn.bias"][0])


@pytest.mark.parametrize("own", [True, False], ids=["torch's cache", "pytorchcv's cache"])
def test_what_a_cache_holds_is_taken(store, tmp_path, own):
    source, file = store
    file = file if own else tmp_path / "home" / ".torch" / "models" / file.name
    file.parent.mkdir(parents=True)
    file.write_bytes(source.read_bytes())
    state, said = pretrained.pretrained_weights("mobilenetv2")
    assert first_bias(state) == 7
    assert said == f"pretrained ({file.name})"


def test_what_no_cache_holds_is_fetched_once_and_kept(store, server):
    source, file = store
    publish(server, file, source)
    assert first_bias(pretrained.pretrained_weights("mobilenetv2")[0]) == 7
    assert file.read_bytes() == source.read_bytes()
    assert [f.name for f in file.parent.iterdir()] == [file.name]
    (server / f"{file.name}.zip").unlink()
    assert pretrained.classifier_file("mobilenetv2") == file


def test_other_bytes_than_were_published_are_refused(store, server, tmp_path):
    source, file = store
    other = tmp_path / "other.pth"
    other.write_bytes(source.read_bytes()[:-1] + b"x")
    publish(server, file, other)
    with pytest.raises(InputError, match=r"has SHA-1 .*, expected"):
        pretrained.classifier_file("mobilenetv2")
    assert not list(file.parent.iterdir())
    file.write_bytes(other.read_bytes())
    with pytest.raises(InputError, match=f"{file.name}: has SHA-1"):
        pretrained.classifier_file("mobilenetv2")


def test_nothing_is_written_beside_the_file_that_was_asked_for(store, server, tmp_path):
    source, file = store
    publish(server, file, source, inside=f"../{file.name}")
    with pytest.raises(InputError, match="does not hold"):
        pretrained.classifier_file("mobilenetv2")
    publish(server, file, source)
    whole = bytearray((server / f"{file.name}.zip").read_bytes())
    whole[len(whole) // 2] ^= 16
    (server / f"{file.name}.zip").write_bytes(whole)
    with pytest.raises(InputError, match="does not hold"):
        pretrained.classifier_file("mobilenetv2")
    (server / f"{file.name}.zip").write_bytes(b"no zip")
    with pytest.raises(InputError, match="does not hold"):
        pretrained.classifier_file("mobilenetv2")
    assert not list((tmp_path / "cache").rglob("*.pth*"))


def test_a_server_that_has_none_or_is_away_is_named_with_what_to_do(store, server, monkeypatch):
    with pytest.raises(InputError, match=r"could not be fetched .*404.*put .*pth from it there"):
        pretrained.classifier_file("mobilenetv2")
    monkeypatch.setattr(model_store, "imgclsmob_repo_url", "http://127.0.0.1:9")
    with pytest.raises(InputError, match="could not be fetched"):
        pretrained.classifier_file("mobilenetv2")


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_pytorchcv_publishes_weights_of_all_six(name, monkeypatch, tmp_path):
    asked = []

    def away(url, *more, **options):
        asked.append(url)
        raise OSError("away")

    monkeypatch.setattr(torch.hub, "download_url_to_file", away)
    with pytest.raises(InputError, match="away"):
        pretrained.classifier_file(name, tmp_path)
    assert asked[0].endswith(".pth.zip")


def hub(home: Path, bias: float) -> None:
    """What the hub's own library leaves behind when it has fetched timm's smallest network."""
    timm = import_timm()

    state = timm.create_model("test_resnet").state_dict()
    state["bn1.bias"].fill_(bias)
    revision = "0" * 40
    entry = home / "hub" / "models--timm--test_resnet.r160_in1k"
    (entry / "refs").mkdir(parents=True)
    (entry / "refs" / "main").write_text(revision)
    (entry / "snapshots" / revision).mkdir(parents=True)
    save_file(state, entry / "snapshots" / revision / "model.safetensors")


@pytest.mark.parametrize("name", ["test_resnet", "test_resnet.r160_in1k"])
def test_a_classifier_starts_from_what_the_hub_has_kept(tmp_path, name):
    hub(tmp_path / "hf", bias=5)
    write_dataset(tmp_path / "data", ".png", cases=10)
    words = ["classify", "train", tmp_path / "data", "--model", name, "--weights", "pretrained",
             "--size", "32", "--set", "epochs=1", "--set", "learning_rate=1e-12"]  # fmt: skip

    def call(run, home):
        own = {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
        return subprocess.run(
            [sys.executable, "-c", SCRIPT, *map(str, words), "-o", str(run)],
            env=os.environ | own, capture_output=True, text=True, check=False,
        )  # fmt: skip

    done = call(tmp_path / "run", tmp_path / "hf")
    assert done.returncode == 0, done.stderr
    assert "3 channels joined for 1" in done.stderr
    assert "left random for 2" in done.stderr
    state = load_file(tmp_path / "run" / "weights_last.safetensors")
    torch.testing.assert_close(state["body.bn1.bias"], torch.full_like(state["body.bn1.bias"], 5))
    facts = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert facts["weights"] == "pretrained (r160_in1k, timm/test_resnet.r160_in1k)"
    failed = call(tmp_path / "none", tmp_path / "empty")
    assert failed.returncode == 2
    assert "not in the hub's cache" in failed.stderr
    assert "Traceback" not in failed.stderr
