"""Prediction as a function: what it returns, what it loads, what it refuses first."""

import subprocess
import sys
from pathlib import Path

import pytest

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
    assert done.to_dict() == {"written": ["p0", "p1"], "reused": [], "notes": {}}
    assert read_label(out / "p0.png").array.shape == (24, 24)
    again = predict(place / "run", place / "data", out, PredictOptions(device="cpu"))
    assert (again.written, again.reused) == ((), ("p0", "p1"))


def test_a_case_that_fails_is_in_the_error_s_outcome(place):
    (place / "data" / "imagesTr" / "p1_0000.png").write_bytes(b"no picture")
    with pytest.raises(WorkError, match="p1") as raised:
        predict(place / "run", place / "data", place / "out", PredictOptions(device="cpu"))
    facts = raised.value.done.to_dict()
    assert (facts["written"], list(facts["failed"])) == (["p0"], ["p1"])


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
