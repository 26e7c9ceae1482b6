"""A run is whole or refused: each of its files is the one it wrote, whenever it was killed."""

import json
import shutil
import struct

import pytest
import torch
from safetensors.torch import load_file

from segscope.data import sha256_of, write_json
from segscope.errors import InputError
from segscope.images import ChannelStatistics, Fingerprint
from segscope.inference import load_model, save_model
from segscope.inference.run_files import (
    MANIFEST,
    check_prior,
    read_fingerprint,
    read_manifest,
    replacing,
)
from tests.inference.nets import random_model


def manifest(folder):
    return json.loads((folder / MANIFEST).read_text())


def test_the_manifest_names_every_file_with_its_hash(run):
    facts = manifest(run)
    names = ["model.json", "weights_best.safetensors", "weights_last.safetensors"]
    assert facts["files"] == {name: sha256_of(run / name) for name in names}
    assert "replacing" not in facts
    assert facts["seed"] == 0
    assert load_model(run).notes == load_model(run, weights="last").notes == ()


def other_weights(run, tmp_path):
    """Of the same network after another training."""
    model = random_model(seed=7)
    save_model(tmp_path / "other", model.spec, model.net)
    shutil.copy(tmp_path / "other" / "weights_best.safetensors", run)


def swapped(run, tmp_path):
    shutil.copy(run / "weights_last.safetensors", run / "weights_best.safetensors")


def edited(run, tmp_path):
    file = run / "model.json"
    facts = json.loads(file.read_text())
    file.write_text(json.dumps(facts | {"patch": [32, 32]}, indent=1))


def reformatted(run, tmp_path):
    file = run / "model.json"
    file.write_text(json.dumps(json.loads(file.read_text())))


def flipped(run, tmp_path):
    file = run / "weights_best.safetensors"
    raw = bytearray(file.read_bytes())
    raw[-3] ^= 1
    file.write_bytes(raw)


CHANGES = [other_weights, swapped, edited, reformatted, flipped]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_was_exchanged_or_edited_is_refused_by_name(run, tmp_path, change):
    change(run, tmp_path)
    name = "model.json" if change in (edited, reformatted) else "weights_best.safetensors"
    with pytest.raises(InputError) as caught:
        load_model(run)
    assert str(caught.value).startswith(str(run / name))
    assert "put the old one back" in str(caught.value) or "copy it again" in str(caught.value)


@pytest.mark.parametrize("change", [edited, reformatted, flipped], ids=lambda c: c.__name__)
def test_a_folder_without_a_manifest_is_checked_by_what_the_weights_carry(run, tmp_path, change):
    (run / MANIFEST).unlink()
    assert load_model(run).notes == ()
    change(run, tmp_path)
    with pytest.raises(InputError, match="SHA-256 differs"):
        load_model(run)


@pytest.mark.parametrize("target", [MANIFEST, "nowhere"], ids=["loop", "dangling"])
def test_a_manifest_that_leads_nowhere_is_not_a_run_without_one(run, target):
    (run / MANIFEST).unlink()
    (run / MANIFEST).symlink_to(target)
    with pytest.raises(InputError) as caught:
        load_model(run)
    assert str(caught.value).startswith(str(run / MANIFEST))


def test_equal_networks_give_equal_files(run, tmp_path):
    model = random_model(seed=0)
    for _ in range(4):
        save_model(tmp_path / "again", model.spec, model.net)
        first, second = (f / "weights_best.safetensors" for f in (run, tmp_path / "again"))
        assert first.read_bytes() == second.read_bytes()


def test_an_older_manifest_begins_to_list_files_when_one_is_written(run):
    facts = manifest(run)
    del facts["files"]
    write_json(run / MANIFEST, facts)
    model = load_model(run)
    save_model(run, model.spec, model.net, name="last")
    assert list(manifest(run)["files"]) == ["weights_last.safetensors"]
    assert load_model(run).notes == load_model(run, weights="last").notes == ()


@pytest.mark.parametrize(
    "facts",
    [[], None, 3, {"inputs": []}, {"inputs": {"a": "b"}}, {"inputs": {}, "files": []},
     {"inputs": {}, "files": {"model.json": 3}}, {"inputs": {}, "replacing": {"a": None}}],
    ids=["list", "null", "number", "inputs-list", "inputs-text", "files-list", "hash-number",
         "hash-null"],
)  # fmt: skip
def test_a_manifest_of_another_form_is_refused(run, facts):
    (run / MANIFEST).write_text(json.dumps(facts))
    with pytest.raises(InputError, match=r"manifest\.json: is not a run's manifest"):
        load_model(run)


def test_a_manifest_of_predictions_is_none_of_the_run(run):
    (run / MANIFEST).write_text(json.dumps({"format": 1, "cases": {}}))
    assert read_manifest(run) is None
    assert load_model(run).notes == ()


def fingerprint_of(mean=3.0):
    channel = ChannelStatistics(
        name="T1", minimum=0, maximum=9, foreground_mean=mean, foreground_sd=1, foreground_median=3,
        foreground_percentile_00_5=1, foreground_percentile_99_5=8,
    )  # fmt: skip
    return Fingerprint(
        dataset="d", image_dims=2, channels=(channel,), labels={"background": 0, "x": 1},
        cases=("a",), shapes=((4, 5),), spacings_mm=((1.0, 2.0),), label_voxels={0: 18, 1: 2},
        pcd_percent=10.0, cases_without_foreground=(),
    )  # fmt: skip


def test_a_fingerprint_is_the_runs_own_or_refused(run):
    assert read_fingerprint(run) is None
    with replacing(run, "fingerprint.json") as temporary:
        temporary.write_text(fingerprint_of().model_dump_json())
    assert read_fingerprint(run) == fingerprint_of()
    (run / "fingerprint.json").write_text(fingerprint_of(4.0).model_dump_json())
    with pytest.raises(InputError, match=r"fingerprint\.json: is not the one that this run wrote"):
        read_fingerprint(run)
    (run / "fingerprint.json").unlink()
    with pytest.raises(InputError, match=r"fingerprint\.json: is missing, and manifest"):
        read_fingerprint(run)
    (run / MANIFEST).unlink()
    (run / "fingerprint.json").write_text('{"dataset": "d"}')
    with pytest.raises(InputError, match="is not a fingerprint of this version"):
        read_fingerprint(run)


def test_what_makes_masks_is_the_runs_own_or_refused(run):
    (run / "prior").mkdir()
    with replacing(run, "prior/template.png") as temporary:
        temporary.write_bytes(b"image")
    check_prior(run / "prior")
    (run / "prior" / "template.png").write_bytes(b"other")
    with pytest.raises(InputError, match=r"template\.png: is not the one"):
        check_prior(run / "prior")


def test_no_byte_of_a_header_can_be_changed_unseen(run):
    """Names, kinds and shapes are in the hash: a header that still parses gives another one."""
    (run / MANIFEST).unlink()
    file = run / "weights_best.safetensors"
    whole = file.read_bytes()
    length = struct.unpack("<Q", whole[:8])[0]
    header = json.loads(whole[8 : 8 + length])
    names = [name for name in header if name.endswith(("running_mean", "running_var"))]
    first, second = (header[name]["data_offsets"] for name in names[:2])
    header[names[0]]["data_offsets"], header[names[1]]["data_offsets"] = second, first
    text = json.dumps(header, separators=(",", ":")).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + whole[8 + length :])
    assert torch.isfinite(load_file(file)[names[0]]).all()
    with pytest.raises(InputError, match="its tensors are not those that were written"):
        load_model(run)
