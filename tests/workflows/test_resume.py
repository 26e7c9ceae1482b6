"""One command line for a job that may be queued again: it begins, goes on, and ends well."""

import pytest

from segscope.cli.main import main
from segscope.errors import WorkError
from segscope.training import loop
from tests.synthetic import write_plane_dataset

LINE = [
    "--recipe", "unet", "--folds", "3", "--fold", "1", "--device", "cpu", "--resume",
    "--set", "patch=[16,16]", "--set", "preprocessing.resize=[16,16]",
    "--set", "network.widths=[2,4]", "--set", "train.epochs=3", "--set", "train.steps_per_epoch=1",
]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_plane_dataset(tmp_path_factory.mktemp("resume") / "data", cases=6, shape=(16, 16))


def call(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    said = capsys.readouterr()
    return stop.value.code, " ".join((said.out + said.err).split())


@pytest.fixture
def stopped(monkeypatch):
    """A training that ends as by a fault after its first epoch."""
    save = loop.save_state

    def stop(file, state):
        save(file, state)
        if state["progress"]["epoch"] == 1:
            raise WorkError("the machine goes away")

    monkeypatch.setattr(loop, "save_state", stop)
    yield
    monkeypatch.setattr(loop, "save_state", save)


@pytest.fixture
def run(data, tmp_path, capsys, stopped):
    """Begun by the line, and stopped."""
    folder = tmp_path / "run"
    code, said = call(capsys, "train", data, "-o", folder, *LINE)
    assert (code, "holds no run yet, which is begun" in said) == (1, True)
    assert (folder / ".segscope" / "state.safetensors").is_file()
    return folder


def test_the_line_that_began_a_run_goes_on_with_it_and_then_says_it_is_done(
    data, run, capsys, monkeypatch
):
    monkeypatch.undo()
    code, said = call(capsys, "train", data, "-o", run, *LINE)
    assert (code, "3 epochs in" in said, "already" in said) == (0, True, False)
    rows = (run / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", "0", "1", "2"]
    code, said = call(capsys, "train", data, "-o", run, *LINE)
    assert code == 0
    assert "is trained to its end already (3 epochs)" in said
    assert (run / "log.csv").read_text().splitlines() == rows


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--set", "train.epochs=4"], "train.epochs: the run has 3, asked for is 4"),
        (["--set", "network.widths=[2,8]"], "network.widths: the run has [2, 4], asked for is"),
        (["--set", "preprocessing.resize=[32,32]"], "preprocessing.resize: the run has [16, 16]"),
        (["--recipe", "unetplusplus"], "network.name: the run has unet, asked for is unetplusplus"),
        (["--device", "auto"], "train.device: the run has cpu, asked for is auto"),
        (["--fold", "2"], "--fold: the run has 1, asked for is 2"),
        (["--folds", "2"], "--folds: the run has 3, asked for is 2"),
        (["--replace-nonfinite", "0"], "--replace-nonfinite: the run has None, asked for is 0.0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "said",
)
def test_another_line_is_refused_by_name(data, run, capsys, more, said):
    before = (run / ".segscope" / "state.safetensors").read_bytes()
    code, found = call(capsys, "train", data, "-o", run, *LINE, *more)
    assert (code, said in found) == (2, True), found
    assert "was begun otherwise" in found
    assert (run / ".segscope" / "state.safetensors").read_bytes() == before


def test_other_groups_are_refused(data, run, capsys):
    (data / "cases.csv").write_text(
        "case,centre\n" + "".join(f"p{k},{'AB'[k % 2]}\n" for k in range(6))
    )
    try:
        more = ["--train-on", "centre=A", "--test-on", "centre=B"]
        code, said = call(capsys, "train", data, "-o", run, *LINE, *more)
    finally:
        (data / "cases.csv").unlink()
    assert code == 2
    assert "--train-on, --test-on: choose other cases than the run has" in said


def test_a_run_goes_on_without_any_option_too(data, run, capsys, monkeypatch):
    monkeypatch.undo()
    code, said = call(capsys, "train", data, "-o", run, "--resume")
    assert (code, "3 epochs in" in said) == (0, True)


def test_a_folder_with_weights_and_no_state_is_no_new_run(data, tmp_path, capsys):
    (tmp_path / "weights_best.safetensors").write_bytes(b"x")
    code, said = call(capsys, "train", data, "-o", tmp_path, *LINE)
    assert (code, "holds no training state" in said) == (2, True)
