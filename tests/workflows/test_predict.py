"""Prediction as a function: what it returns, what it loads, what it refuses first."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from segscope.data import open_dataset, read_label
from segscope.errors import InputError, WorkError
from segscope.inference import save_model
from segscope.workflows.predict import PredictOptions, predict
from tests.inference.nets import random_model
from tests.synthetic import write_plane_dataset

HEAVY = ("segscope.training", "segscope.audit", "segscope.report", "segscope.studies",
         "segscope.priors", "segscope.explain", "lightning_fabric", "matplotlib")  # fmt: skip


@pytest.fixture
def place(tmp_path):
    dataset = open_dataset(write_plane_dataset(tmp_path / "data", cases=2, shape=(24, 24)))
    model = random_model(
        2, widths=(4, 6), ending=".png", channels=[{"name": "grey", "scheme": "zscore"}]
    )
    spec = model.spec.model_copy(update={"labels": dataset.labels})
    save_model(tmp_path / "run", spec, model.net)
    return tmp_path


def test_it_returns_what_it_wrote_and_takes_it_up_again(place):
    out = place / "out"
    done = predict(place / "run", place / "data", out, PredictOptions(device="cpu"))
    facts = done.to_dict()
    assert set(facts.pop("facts")) == {"p0", "p1"}
    assert facts == {
        "written": ["p0", "p1"], "reused": [], "notes": {},
        "files": {"statistics": str(out / "statistics.csv"), "previews": str(out / "previews")},
    }  # fmt: skip
    assert {file.name for file in (out / "previews").iterdir()} == {"p0.png", "p1.png"}
    assert read_label(out / "p0.png").array.shape == (24, 24)
    again = predict(place / "run", place / "data", out, PredictOptions(device="cpu"))
    assert (again.written, again.reused) == ((), ("p0", "p1"))


def test_trust_is_written_unless_it_is_off_and_measured_anew_for_another_mode(place):
    out, run = place / "out", place / "run"
    off = predict(run, place / "data", out, PredictOptions(device="cpu", trust="off"))
    assert off.facts == {}
    assert not (out / "quality.csv").exists()
    before = (out / "p0.png").read_bytes()
    fast = predict(run, place / "data", out, PredictOptions(device="cpu", trust="fast"))
    assert fast.written == ("p0", "p1")
    assert (out / "p0.png").read_bytes() == before
    rows = (out / "quality.csv").read_text().splitlines()
    assert rows[0].startswith("case,verdict,predicted_dice,lower,upper,reasons,sdc")
    assert len(rows) == 3
    assert "look" in rows[1]  # nobody has learned what this network's figures mean
    again = predict(run, place / "data", out, PredictOptions(device="cpu", trust="fast"))
    assert (again.reused, again.facts) == (("p0", "p1"), fast.facts)
    other = predict(run, place / "data", out, PredictOptions(device="cpu"))
    assert other.written == ("p0", "p1")
    with pytest.raises(InputError, match="--trust full: is not known"):
        PredictOptions(trust="full")


def test_several_processes_bring_the_same_facts(place):
    one = predict(place / "run", place / "data", place / "a", PredictOptions(device="cpu"))
    two = predict(place / "run", place / "data", place / "b", PredictOptions(device="cpu", jobs=2))
    assert two.facts == one.facts
    assert (place / "a" / "quality.csv").read_text() == (place / "b" / "quality.csv").read_text()


def test_a_case_that_fails_is_in_the_error_s_outcome(place):
    (place / "data" / "imagesTr" / "p1_0000.png").write_bytes(b"no picture")
    with pytest.raises(WorkError, match="p1") as raised:
        predict(place / "run", place / "data", place / "out", PredictOptions(device="cpu"))
    facts = raised.value.done.to_dict()
    assert (facts["written"], list(facts["failed"])) == (["p0"], ["p1"])
    assert (place / "out" / "statistics.csv").read_text().splitlines()[1].startswith("p0,disc,1,")


@pytest.mark.parametrize(
    ("run", "out", "said"),
    [("run", "file", "is a file; name a folder"), ("data", "out", "holds no model.json")],
    ids=["output", "run"],
)
def test_what_is_wrong_with_folders_is_told_before_torch_is_there(place, run, out, said):
    (place / "file").write_text("")
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from segscope.errors import InputError\n"
        "from segscope.workflows.predict import predict\n"
        "try:\n"
        f"    predict(Path({str(place / run)!r}), Path('nowhere'), Path({str(place / out)!r}))\n"
        "except InputError as error:\n"
        f"    assert {said!r} in str(error)\n"
        "    assert not {'torch', 'numpy'} & set(sys.modules)\n"
        "else:\n"
        "    raise AssertionError\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_plain_prediction_loads_no_room_that_it_does_not_need(place):
    words = ["predict", place / "run", "-i", place / "data", "-o", place / "out", "--device", "cpu"]
    code = (
        "import sys\n"
        "from segscope.cli.main import main\n"
        "try:\n"
        f"    main({[str(word) for word in words]!r})\n"
        "except SystemExit as ended:\n"
        "    assert ended.code == 0, ended.code\n"
        "print(*sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (place / "out" / "p0.png").is_file()
    loaded = set(done.stdout.split())
    assert "segscope.inference" in loaded
    assert not {name for name in loaded if name.startswith(HEAVY)}


def test_options_take_paths_as_text_and_refuse_what_they_do_not_know():
    assert PredictOptions(masks="a").masks == Path("a")
    with pytest.raises(TypeError, match="mirorr"):
        PredictOptions(mirorr=True)


def test_masks_for_a_network_that_is_shown_none_are_refused(place):
    options = PredictOptions(device="cpu", masks=place / "data")
    with pytest.raises(InputError, match="is shown no mask"):
        predict(place / "run", place / "data", place / "out", options)


def test_label_maps_in_the_values_of_a_challenge(place):
    plain, other = place / "plain", place / "other"
    predict(place / "run", place / "data", plain, PredictOptions(device="cpu"))
    labels = [name for name in open_dataset(place / "data").labels if name != "background"]
    values = {name: 300 + k for k, name in enumerate(labels)}
    (place / "own.yaml").write_text(
        yaml.safe_dump({"case": "{case}.png", "labels": values}), encoding="utf-8"
    )
    chosen = PredictOptions(device="cpu", labels_as=str(place / "own.yaml"))
    predict(place / "run", place / "data", other, chosen)
    for name in ("p0.png", "p1.png"):
        was = read_label(plain / name).array.astype(int)
        found = read_label(other / name).array
        assert found.dtype == np.uint16
        np.testing.assert_array_equal(found, np.where(was > 0, was + 299, 0))
        assert (was > 0).any()
    made = json.loads((other / "manifest.json").read_text())["cases"]["p0"]["made_by"]
    assert made["label_values"] == {"0": 0} | {str(k): v for k, v in enumerate(values.values(), 1)}
    assert "label_values" not in (plain / "manifest.json").read_text()
    again = predict(place / "run", place / "data", other, chosen)
    assert again.reused == ("p0", "p1")
    with pytest.raises(InputError, match="exists and was not made by these weights and options"):
        predict(place / "run", place / "data", other, PredictOptions(device="cpu"))
    chosen = PredictOptions(device="cpu", labels_as="brats2018")
    with pytest.raises(InputError, match="its values cannot be written"):
        predict(place / "run", place / "data", place / "third", chosen)
    chosen = PredictOptions(device="cpu", labels_as="no")
    with pytest.raises(InputError, match="--labels-as no: neither a file nor one of"):
        predict(place / "run", place / "data", place / "third", chosen)
