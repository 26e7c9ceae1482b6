"""``compare``, ``predict``, ``audit`` and ``quality`` with ``--ray``: two machines, one is lost."""

import json
import re
import time

import pytest
import torch

from segscope.cli.main import main
from segscope.inference import save_model
from tests.inference.nets import random_model
from tests.jobs.machines import head_node, kill_soon, kill_when, node_without, ray_there, two_nodes
from tests.synthetic import write_plane_dataset

__all__ = ["head_node", "two_nodes"]


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
def test_a_comparison_needs_no_folder_that_all_see(tmp_path, head_node):
    study, data = tmp_path / "here" / "study", tmp_path / "here" / "data"
    write_plane_dataset(data, cases=6)
    words = ["--arm", "unet", "--folds", 2, "--set", "network.widths=[4, 6]", "--set",
             "train.epochs=1", "--set", "train.steps_per_epoch=2"]  # fmt: skip
    with node_without(head_node, tmp_path / "here"):
        head_node.wait_for_nodes()
        deadline = time.monotonic() + 60
        while len(ray_nodes(head_node)) < 2:
            assert time.monotonic() < deadline, "the second machine did not come"
            time.sleep(0.2)
        assert run("compare", data, "-o", study, *words, "--ray") == 0
    assert len(list(study.rglob("result.json"))) == 2
    assert not list(study.glob("trials/*/*/lock"))  # nobody worked in this folder
    assert run("compare", data, "-o", tmp_path / "one", *words) == 0
    assert (study / "scores.csv").read_text() == (tmp_path / "one" / "scores.csv").read_text()


def ray_nodes(nodes):
    """Machines of a cluster that are there."""
    from ray._private.state import GlobalState
    from ray._raylet import GcsClientOptions

    state = GlobalState()
    state._initialize_global_state(
        GcsClientOptions.create(nodes.address, None, allow_cluster_id_nil=True,
                                fetch_cluster_id_if_nil=False)
    )  # fmt: skip
    return [one for one in state.node_table() if one["Alive"]]


def write_run(folder, cases):
    """A random network, and images for it."""
    data = write_plane_dataset(folder / "data", cases=cases, shape=(96, 96))
    model = random_model(
        2, widths=(4, 6), ending=".png", channels=[{"name": "grey", "scheme": "zscore"}]
    )
    save_model(folder / "run", model.spec, model.net)
    return folder / "run", data


def same(folder, other):
    """Whether two folders hold the same bytes but for when and where they were made."""
    files = [sorted(f.relative_to(at) for f in at.rglob("*") if f.is_file())
             for at in (folder, other)]  # fmt: skip
    assert files[0] == files[1]
    for name in files[0]:
        one, two = ((at / name).read_bytes() for at in (folder, other))
        if name.suffix == ".json":
            one, two = (re.sub(rb'"(threads|created)": [^,}]+', b"", text) for text in (one, two))
        assert one == two, name


@ray_there
@pytest.mark.slow
def test_predictions_lose_nothing_with_a_machine(tmp_path, two_nodes, capfd):
    model, data = write_run(tmp_path, cases=40)
    words = ["predict", model, "-i", data, "--device", "cpu"]
    ray = tmp_path / "ray"
    thread = kill_when(two_nodes, lambda: 2 * list(ray.glob("*.png")))
    assert run(*words, "-o", ray, "--ray") == 0
    thread.join()
    assert "40 of 40 done" in capfd.readouterr().err
    assert run(*words, "-o", tmp_path / "one") == 0
    one = tmp_path / "one"
    made = {f.relative_to(one): f.read_bytes() for f in one.rglob("*") if f.is_file()}
    assert {f.relative_to(ray): f.read_bytes() for f in ray.rglob("*") if f.is_file()} == made
    assert len(list(one.glob("*.png"))) == 40
    assert len(json.loads((ray / "manifest.json").read_text())["cases"]) == 40


@ray_there
@pytest.mark.slow
def test_an_audit_loses_nothing_with_a_machine(tmp_path, two_nodes, capfd):
    model, data = write_run(tmp_path, cases=24)
    words = ["audit", model, "-i", data, "--cases", "all", "--device", "cpu"]
    # heat-maps of finished pieces lie there before all is done
    heat = tmp_path / "ray" / "heatmaps"
    thread = kill_when(two_nodes, lambda: list(heat.glob("*.png")))
    assert run(*words, "-o", tmp_path / "ray", "--ray") == 0
    thread.join()
    assert "24 of 24 done" in capfd.readouterr().err
    assert run(*words, "-o", tmp_path / "one") == 0
    same(tmp_path / "ray", tmp_path / "one")


@ray_there
@pytest.mark.slow
def test_a_ranking_loses_nothing_with_a_machine(tmp_path, two_nodes, capfd):
    model, data = write_run(tmp_path, cases=24)
    words = ["quality", model, "-i", data, "--cases", "all", "--device", "cpu"]
    thread = kill_soon(two_nodes)
    assert run(*words, "-o", tmp_path / "ray", "--ray") == 0
    thread.join()
    assert "24 of 24 done" in capfd.readouterr().err
    assert run(*words, "-o", tmp_path / "one") == 0
    same(tmp_path / "ray", tmp_path / "one")
