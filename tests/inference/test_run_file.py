"""A network in one file: it is what its run is, says nothing of the data, and is not believed."""

import json
import stat
import zipfile

import pytest
import torch

from segscope.data import measure_fingerprint, open_dataset, sha256_of
from segscope.errors import InputError
from segscope.inference import save_model
from segscope.inference.open_model import open_model
from segscope.inference.run_file import is_run_file, run_folder, write_run_file
from tests.inference.nets import random_model
from tests.synthetic import write_plane_dataset

NAMES = ["manifest.json", "model.json", "fingerprint.json", "weights_best.safetensors"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("secret_place")
    dataset = open_dataset(write_plane_dataset(folder / "secret_data", cases=3, shape=(24, 24)))
    model = random_model(
        2, widths=(4, 6), ending=".png", channels=[{"name": "grey", "scheme": "zscore"}]
    )
    spec = model.spec.model_copy(update={"labels": dataset.labels})
    save_model(folder / "run", spec, model.net)
    save_model(folder / "run", spec, model.net, name="last")
    seen = measure_fingerprint(dataset)
    (folder / "run" / "fingerprint.json").write_text(seen.model_dump_json())
    write_run_file(folder / "run", folder / "m.segscope")
    return folder


def parts(file):
    with zipfile.ZipFile(file) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def written(file, contents, **how):
    """Pack contents; ``how`` changes entries by name."""
    with zipfile.ZipFile(file, "w") as packed:
        for name, content in contents:
            entry = zipfile.ZipInfo(name)
            for key, value in how.get(name.partition(".")[0], {}).items():
                setattr(entry, key, value)
            packed.writestr(entry, content)
    return file


def test_it_opens_as_the_run_does_and_leaves_nothing_behind(place, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    one, other = open_model(place / "run"), open_model(place / "m.segscope")
    assert other.spec == one.spec
    assert other.weights_sha256 == one.weights_sha256
    states = one.net.state_dict(), other.net.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert other.seen.images[0].channels == one.seen.images[0].channels
    assert not list(tmp_path.iterdir())


def test_it_holds_these_parts_and_no_word_of_the_data(place):
    found = parts(place / "m.segscope")
    assert sorted(found) == sorted(NAMES)
    whole = (place / "m.segscope").read_bytes()
    for word in (b"secret", b"p0", b"p1", b"p2", str(place).encode()):
        assert word not in whole, word
    facts = json.loads(found["fingerprint.json"])
    assert (facts["dataset"], facts["cases"]) == ("", ["case0001", "case0002", "case0003"])
    assert b"disc" in found["model.json"]


def test_equal_runs_are_equal_files(place, tmp_path):
    write_run_file(place / "run", tmp_path / "again.segscope")
    assert sha256_of(tmp_path / "again.segscope") == sha256_of(place / "m.segscope")


def test_other_weights_can_be_chosen_and_are_its_only_ones(place, tmp_path):
    write_run_file(place / "run", tmp_path / "l.segscope", weights="last")
    with run_folder(tmp_path / "l.segscope") as folder:
        assert not (folder / "weights_last.safetensors").exists()
    with pytest.raises(InputError, match=r"none\.safetensors: no such weights"):
        write_run_file(place / "run", tmp_path / "n.segscope", weights="none")


def test_only_files_of_its_ending_are_such_files(place, tmp_path):
    assert is_run_file(place / "m.segscope")
    (tmp_path / "x.segscope").mkdir()
    assert not is_run_file(tmp_path / "x.segscope")
    assert not is_run_file(tmp_path / "none.segscope")
    with pytest.raises(InputError, match=r"ends in \.segscope"):
        write_run_file(place / "run", tmp_path / "m.zip")
    with run_folder(place / "run") as folder:
        assert folder == place / "run"


def with_more(name):
    return lambda file, whole: written(file, [*whole, (name, b"{}")])


def changed(name, content):
    return lambda file, whole: written(
        file, [(key, content if key == name else value) for key, value in whole]
    )


def without(file, whole):
    return written(file, [one for one in whole if one[0] != "model.json"])


def link(file, whole):
    return written(file, whole, model={"external_attr": (stat.S_IFLNK | 0o777) << 16})


def bomb(file, whole):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in whole:
            packed.writestr(name, b"\0" * 10_000_000 if name == "model.json" else content)


def cut(file, whole):
    written(file, whole)
    file.write_bytes(file.read_bytes()[:-200])


def noise(file, _):
    file.write_bytes(b"PK\3\4" + b"x" * 999)


def flipped(file, whole):
    written(file, whole)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (with_more("../evil.json"), "'../evil.json', which is no part of a model"),
        (with_more("/etc/evil"), "'/etc/evil', which is no part of a model"),
        (without, "has no model.json"),
        (link, "model.json is no regular file"),
        (bomb, "model.json is compressed"),
        (changed("model.json", b'{"format": 1}'), "its model.json was changed since"),
        (changed("fingerprint.json", b"{}"), "its fingerprint.json was changed"),
        (changed("manifest.json", b'{"format": 2, "files": {}}'), "is not one of this version"),
        (cut, "is damaged"),
        (noise, "is damaged"),
        (flipped, "is damaged"),
    ],
    ids=["escape", "absolute", "missing", "link", "bomb", "model", "fingerprint", "manifest", "cut",
         "noise", "flipped"],
)  # fmt: skip
def test_what_no_export_wrote_is_refused_with_the_reason(place, tmp_path, spoil, said):
    file = tmp_path / "m.segscope"
    spoil(file, list(parts(place / "m.segscope").items()))
    with pytest.raises(InputError) as caught, run_folder(file):
        pytest.fail("it was opened")
    assert said in str(caught.value)
    assert str(file) in str(caught.value)
    assert "segscope_" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(place, tmp_path):
    whole = list(parts(place / "m.segscope").items())
    file = written(tmp_path / "m.segscope", [*whole, ("model.json", b"{}")])
    with pytest.raises(InputError, match=r"has model\.json twice"), run_folder(file):
        pytest.fail("it was opened")


def test_what_goes_wrong_later_names_the_file(place):
    said = pytest.raises(InputError, match=r"m\.segscope: thing: is odd")
    with said, run_folder(place / "m.segscope") as folder:
        raise InputError(f"{folder}/thing: is odd")


def test_a_run_whose_weights_were_exchanged_is_not_exported(place, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    for file in (place / "run").iterdir():
        (run / file.name).write_bytes(file.read_bytes())
    facts = {"format": 1, "files": {"weights_best.safetensors": "0" * 64}, "inputs": {}}
    (run / "manifest.json").write_text(json.dumps(facts))
    with pytest.raises(InputError, match="not the one that this run wrote"):
        write_run_file(run, tmp_path / "m.segscope")
    assert not (tmp_path / "m.segscope").exists()
