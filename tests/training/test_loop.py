"""The loop and the run around it, on phantoms small enough to train in seconds."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from segscope.data import TEMPORARY, measure_fingerprint, open_dataset
from segscope.errors import InputError, WorkError
from segscope.losses import ContentLoss
from segscope.training import load_state, losses_seen, plan_recipe, segmentation, train_dataset
from segscope.training import loop as loop_module
from tests.synthetic import write_plane_dataset, write_volume_dataset
from tests.training.tiny import TINY, run


@pytest.fixture(scope="module")
def planes(tmp_path_factory):
    return open_dataset(write_plane_dataset(tmp_path_factory.mktemp("planes")))


def weights(folder, name="last"):
    return load_file(folder / f"weights_{name}.safetensors")


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_training_learns_bright_discs(planes, tmp_path):
    progress = run(planes, tmp_path / "run", epochs=4, steps_per_epoch=15, learning_rate=0.01)
    assert progress.best[0] > 0.8


def test_the_number_of_workers_changes_nothing(planes, tmp_path):
    run(planes, tmp_path / "none", workers=0)
    run(planes, tmp_path / "two", workers=2)
    assert same(weights(tmp_path / "none"), weights(tmp_path / "two"))


def test_another_seed_gives_other_weights(planes, tmp_path):
    run(planes, tmp_path / "a", seed=1)
    run(planes, tmp_path / "b", seed=2)
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "b"))


def test_a_resumed_training_ends_with_the_same_bits(planes, tmp_path, monkeypatch):
    run(planes, tmp_path / "whole", epochs=4)

    fingerprint = measure_fingerprint(planes)
    changes = {**TINY, "train": {**TINY["train"], "epochs": 4}}
    recipe = plan_recipe(fingerprint, None, changes)
    saved = loop_module.save_state

    def stop_after_second(path, state):
        saved(path, state)
        if state["progress"]["epoch"] == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop_module, "save_state", stop_after_second)
    with pytest.raises(KeyboardInterrupt):
        train_dataset(planes, fingerprint, recipe, tmp_path / "cut", folds=3)
    monkeypatch.undo()
    torch.rand(7)  # whatever happens between the two processes must not matter
    train_dataset(planes, fingerprint, recipe, tmp_path / "cut", folds=3, resume=True)

    for name in ("best", "last"):
        assert same(weights(tmp_path / "whole", name), weights(tmp_path / "cut", name))
    rows = [
        list(csv.DictReader((tmp_path / n / "log.csv").read_text().splitlines()))
        for n in ("whole", "cut")
    ]
    for row in (*rows[0], *rows[1]):
        del row["seconds"]
    assert rows[0] == rows[1]


def test_a_loss_that_is_not_finite_stops_with_the_step(planes, tmp_path, monkeypatch):
    original = segmentation._loss
    monkeypatch.setattr(segmentation, "_loss", lambda *about: original(*about) * float("nan"))
    with pytest.raises(WorkError, match=r"step 0 .*lower train\.learning_rate or use"):
        run(planes, tmp_path / "run")


def test_losses_that_are_seen_late_leave_the_weights_of_the_epoch_before(
    planes, tmp_path, monkeypatch
):
    run(planes, tmp_path / "one", epochs=1)
    monkeypatch.setattr(losses_seen, "_EVERY", 2)
    cards = lambda device, remedy: losses_seen.LossesSeen(torch.device("cuda"), remedy)  # noqa: E731
    monkeypatch.setattr(loop_module, "LossesSeen", cards)
    original, steps = segmentation._loss, []

    def fails_in_the_second_epoch(*about):
        steps.append(1)
        return original(*about) * (float("nan") if len(steps) == 5 else 1.0)

    monkeypatch.setattr(segmentation, "_loss", fails_in_the_second_epoch)
    with pytest.raises(WorkError, match=r"nan at step 4 \(epoch 1\)"):
        run(planes, tmp_path / "two", schedule="constant")
    assert len(steps) == 5
    assert weights(tmp_path / "two").keys() == weights(tmp_path / "one").keys()
    assert all(tensor.isfinite().all() for tensor in weights(tmp_path / "two").values())


def test_losses_that_are_seen_late_change_no_weight(planes, tmp_path, monkeypatch):
    run(planes, tmp_path / "at once")
    cards = lambda device, remedy: losses_seen.LossesSeen(torch.device("cuda"), remedy)  # noqa: E731
    monkeypatch.setattr(loop_module, "LossesSeen", cards)
    run(planes, tmp_path / "late")
    assert same(weights(tmp_path / "at once"), weights(tmp_path / "late"))
    rows = [(tmp_path / name / "log.csv").read_text() for name in ("at once", "late")]
    columns = [[row["train_loss"] for row in csv.DictReader(text.splitlines())] for text in rows]
    assert columns[0] == columns[1]


def test_memory_that_ran_out_names_what_to_lower(planes, tmp_path, monkeypatch):
    def refuse(*about):
        return torch.empty(2**60)

    monkeypatch.setattr(segmentation, "_loss", refuse)
    remedy = r"step 0 .*: lower train\.batch_size, patch or network\.widths, then start again"
    with pytest.raises(WorkError, match=remedy):
        run(planes, tmp_path / "run")


def test_an_operation_without_a_deterministic_form_is_named(planes, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise RuntimeError(
            "max_pool3d_with_indices_backward_cuda does not have a deterministic implementation, "
            "but you set 'torch.use_deterministic_algorithms(True)'"
        )

    monkeypatch.setattr(loop_module.Fabric, "backward", refuse)
    with pytest.raises(WorkError, match="deterministic: max_pool3d_with_indices_backward_cuda"):
        run(planes, tmp_path / "run")


def test_patience_stops_early(planes, tmp_path):
    progress = run(planes, tmp_path / "run", epochs=50, patience=2, learning_rate=1e-12)
    assert progress.epoch == progress.best_epoch + 3


def test_volumes_train_networks_of_both_kinds(tmp_path):
    dataset = open_dataset(write_volume_dataset(tmp_path / "data"))
    fingerprint = measure_fingerprint(dataset)
    for dims in (2, 3):
        changes = {**TINY, "preprocessing": {"spatial_dims": dims}}
        recipe = plan_recipe(fingerprint, None, changes)
        assert len(recipe.patch) == dims
        progress = train_dataset(dataset, fingerprint, recipe, tmp_path / f"r{dims}", folds=3)
        assert progress.epoch == 2
        assert (
            load_state(tmp_path / f"r{dims}" / ".segscope" / "state.safetensors")["progress"][
                "step"
            ]
            == 6
        )


SCRIPT = """
import sys
from pathlib import Path
from segscope.cli.main import main
words = ["train", sys.argv[1], "-o", sys.argv[2], "--folds", "3"]
for value in ("network.widths=[4,8]", "train.epochs=100000", "train.workers=2",
              "train.steps_per_epoch=4", "train.batch_size=2"):
    words += ["--set", value]
sys.exit(main(words))
"""


@pytest.fixture
def training(planes, tmp_path):
    """A training in a process of its own, past its first epoch."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(planes.folder), str(tmp_path / "run")],
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 600
    while not (tmp_path / "run" / "log.csv").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield process
    process.kill()
    process.communicate()


def test_a_killed_worker_ends_the_training_soon_with_a_message(training):
    children = Path(f"/proc/{training.pid}/task/{training.pid}/children").read_text().split()
    os.kill(int(children[-1]), signal.SIGKILL)
    _, said = training.communicate(timeout=600)
    assert training.returncode == 1
    assert "a data worker died while samples of " in said
    assert "Traceback" not in said


def test_two_trainings_never_share_a_folder(training, planes, tmp_path):
    fingerprint = measure_fingerprint(planes)
    recipe = plan_recipe(fingerprint, None, TINY)
    with pytest.raises(WorkError, match="another process trains in this folder"):
        train_dataset(planes, fingerprint, recipe, tmp_path / "run", folds=3, resume=True)
    assert training.poll() is None


def test_what_a_killed_training_left_half_written_is_removed(planes, tmp_path):
    half = tmp_path / "run" / f"{TEMPORARY}x.safetensors"
    half.parent.mkdir()
    half.write_bytes(b"half a state")
    fingerprint = measure_fingerprint(planes)
    recipe = plan_recipe(fingerprint, None, TINY)
    train_dataset(planes, fingerprint, recipe, half.parent, folds=3)
    assert not half.exists()


def test_a_resumed_training_keeps_the_fold_it_was_begun_with(planes, tmp_path):
    fingerprint = measure_fingerprint(planes)
    recipe = plan_recipe(fingerprint, None, TINY)
    train_dataset(planes, fingerprint, recipe, tmp_path / "run", fold=1, folds=3)
    before = (tmp_path / "run" / "split.json").read_text()
    train_dataset(planes, fingerprint, recipe, tmp_path / "run", fold=0, folds=3, resume=True)
    assert (tmp_path / "run" / "split.json").read_text() == before
    prepared = [p for p in (tmp_path / "run" / ".segscope" / "cache").rglob("*") if p.is_file()]
    assert len({p.stem.split(".")[0] for p in prepared}) >= len(planes.training) - 1


def content(folder, planes, epochs, **options):
    fingerprint = measure_fingerprint(planes)
    changes = {
        "network": {"name": "dense_unet", "widths": [4, 8], "output": "sigmoid"},
        "preprocessing": {"scheme": "maximum"},
        "loss": {"name": "content", "options": {"weights": "random"}, "plus": {"dice": 1.0},
                 "minmax": 1e-3},
        "train": {**TINY["train"], "epochs": epochs},
    }  # fmt: skip
    recipe = plan_recipe(fingerprint, None, changes)
    return train_dataset(planes, fingerprint, recipe, folder, folds=3, **options)


def test_features_that_are_trained_against_the_network_resume_bit_for_bit(
    planes, tmp_path, monkeypatch
):
    content(tmp_path / "whole", planes, 4)
    assert "random (seed 0)" in (tmp_path / "whole" / "loss.json").read_text()
    saved = loop_module.save_state

    def stop_after_second(path, state):
        saved(path, state)
        if state["progress"]["epoch"] == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop_module, "save_state", stop_after_second)
    with pytest.raises(KeyboardInterrupt):
        content(tmp_path / "cut", planes, 4)
    monkeypatch.undo()
    content(tmp_path / "cut", planes, 4, resume=True)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    files = [tmp_path / name / ".segscope" / "state.safetensors" for name in ("whole", "cut")]
    states = [load_state(file)["adversary"] for file in files]
    assert same(states[0]["phi"], states[1]["phi"])
    fresh = ContentLoss(weights="random").phi.state_dict()
    assert not same(states[0]["phi"], fresh)


def test_the_game_is_for_the_content_loss_alone(planes, tmp_path):
    fingerprint = measure_fingerprint(planes)
    recipe = plan_recipe(fingerprint, None, {**TINY, "loss": {"name": "dice", "minmax": 1e-5}})
    with pytest.raises(InputError, match="minmax is for the content loss"):
        train_dataset(planes, fingerprint, recipe, tmp_path / "run", folds=3)
