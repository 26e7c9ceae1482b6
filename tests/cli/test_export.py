"""``segscope export``, and the commands that take its file for a run."""

import json

import pytest

from segscope.data import open_dataset
from segscope.inference import save_model
from tests.commands import call_flat as call
from tests.inference.nets import random_model
from tests.synthetic import write_plane_dataset


@pytest.fixture
def place(tmp_path):
    dataset = open_dataset(write_plane_dataset(tmp_path / "data", cases=2, shape=(24, 24)))
    model = random_model(
        2, widths=(4, 6), ending=".png", channels=[{"name": "grey", "scheme": "zscore"}]
    )
    spec = model.spec.model_copy(update={"labels": dataset.labels})
    save_model(tmp_path / "run", spec, model.net)
    return tmp_path


def test_the_file_stands_for_the_run(capsys, place):
    file, data = place / "m.segscope", place / "data"
    code, out, _ = call(capsys, "export", place / "run", "-o", file)
    assert (code, f"segscope predict {file}" in out) == (0, True)
    for words in (["predict"], ["predict", "--jobs", "2"], ["cam"]):
        results = []
        for model in (file, place / "run"):
            out = place / f"{'_'.join(words)}_{model.name}"
            code, _, said = call(capsys, *words, model, "-i", data, "-o", out, "--device", "cpu")
            assert code == 0, said
            results.append({f.name: f.read_bytes() for f in out.rglob("*.png")})
        assert results[0] == results[1]
    code, _, said = call(capsys, "audit", file, "-i", data, "-o", place / "audit", "--cases", "all")
    assert (code, (place / "audit" / "audit.json").is_file()) == (0, True), said
    code, out, said = call(capsys, "quality", file, "-i", data, "--cases", "all", "--json")
    assert code == 0, said
    assert {row["case"] for row in json.loads(out)["cases"]} == {"p0", "p1"}


def test_a_changed_file_is_refused_in_one_line(capsys, place):
    file = place / "m.segscope"
    call(capsys, "export", place / "run", "-o", file)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    code, _, said = call(capsys, "predict", file, "-i", place / "data", "-o", place / "out")
    assert (code, f"{file}: is damaged" in said) == (2, True)
