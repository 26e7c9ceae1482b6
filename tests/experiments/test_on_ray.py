"""``compare --ray`` and ``predict --ray`` on two machines of a cluster, one of them lost."""

import json

import pytest
import torch

from segscope.cli.main import main
from segscope.inference import save_model
from tests.inference.nets import random_model
from tests.jobs.machines import kill_when, ray_there, two_nodes
from tests.synthetic import write_plane_dataset

__all__ = ["two_nodes"]


def run(*words):
    """Type a command, with as many threads as each machine has cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
    finally:
        torch.set_num_threads(threads)
    return ended.value.code


@ray_there
@pytest.mark.slow
def test_a_comparison_loses_nothing_with_a_machine(tmp_path, two_nodes, capfd):
    write_plane_dataset(tmp_path / "data", cases=8)
    arms = ["--arm", "unet", "--arm", "tv: loss.name=tversky", "--folds", 2]
    tiny = ["network.widths=[4, 6]", "train.epochs=15", "train.steps_per_epoch=4"]
    sets = [word for one in tiny for word in ("--set", one)]
    thread = kill_when(two_nodes, lambda: list((tmp_path / "ray").rglob("state.safetensors")))
    assert run("compare", tmp_path / "data", "-o", tmp_path / "ray", *arms, *sets, "--ray") == 0
    thread.join()
    _, err = capfd.readouterr()
    assert len(list((tmp_path / "ray").rglob("result.json"))) == 4
    assert "4 of 4 done" in err
    assert run("compare", tmp_path / "data", "-o", tmp_path / "one", *arms, *sets) == 0
    # a training that was taken up again ends with the same bits
    assert (tmp_path / "ray" / "scores.csv").read_text() == (
        tmp_path / "one" / "scores.csv"
    ).read_text()


@ray_there
@pytest.mark.slow
def test_predictions_lose_nothing_with_a_machine(tmp_path, two_nodes, capfd):
    write_plane_dataset(tmp_path / "data", cases=40, shape=(96, 96))
    model = random_model(
        2, widths=(4, 6), ending=".png", channels=[{"name": "grey", "scheme": "zscore"}]
    )
    save_model(tmp_path / "run", model.spec, model.net)
    words = ["predict", tmp_path / "run", "-i", tmp_path / "data", "--device", "cpu"]
    ray = tmp_path / "ray"
    thread = kill_when(two_nodes, lambda: 2 * list(ray.glob("*.png")))
    assert run(*words, "-o", ray, "--ray") == 0
    thread.join()
    assert "40 of 40 done" in capfd.readouterr().err
    assert run(*words, "-o", tmp_path / "one") == 0
    files = sorted(f.name for f in (tmp_path / "one").iterdir())
    assert len(files) == 41
    assert sorted(f.name for f in ray.iterdir()) == files
    assert all((ray / f).read_bytes() == (tmp_path / "one" / f).read_bytes() for f in files)
    assert len(json.loads((ray / "manifest.json").read_text())["cases"]) == 40
