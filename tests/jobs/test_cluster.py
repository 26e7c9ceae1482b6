"""Two machines of a Ray cluster, both of them here; one is lost in the middle."""

import time
from pathlib import Path

import pytest

from segscope.errors import InputError
from segscope.jobs import cluster, open_crew, run_jobs
from tests.jobs.machines import head_node, kill_when, ray_there, two_nodes

__all__ = ["head_node", "two_nodes"]


def slowly(folder, name):
    import ray

    node = ray.get_runtime_context().get_node_id()
    with (Path(folder) / f"{name}.begun").open("a") as file:
        file.write(node + "\n")
    time.sleep(1)
    (Path(folder) / name).write_text(node)


@ray_there
@pytest.mark.slow
def test_what_a_lost_machine_had_begun_is_done_by_another(tmp_path, two_nodes):
    def begun():
        return {f.read_text() for f in tmp_path.glob("*.begun")}

    thread = kill_when(two_nodes, begun)
    lines = []
    run_jobs(slowly, [(str(tmp_path), f"n{k}") for k in range(6)], ray=True, say=lines.append)
    thread.join()
    assert len([f.read_text() for f in tmp_path.glob("n?")]) == 6
    assert [f.name for f in tmp_path.glob("*.begun") if len(f.read_text().split()) == 2]
    assert len(lines) == 6


def test_ray_that_is_missing_is_said(monkeypatch):
    monkeypatch.setattr(cluster, "has_ray", lambda: False)
    with pytest.raises(InputError, match=r"install segscope\[ray\]"):
        run_jobs(slowly, [("", "a")], ray=True)


@ray_there
def test_a_cluster_that_is_not_there_and_a_gpu_by_number_are_refused(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "nowhere at all")
    with pytest.raises(InputError, match="RAY_ADDRESS nowhere at all: no cluster answers"):
        run_jobs(slowly, [("", "a")], ray=True)
    with (
        pytest.raises(InputError, match="--device cuda:1: with --ray"),
        open_crew(jobs=1, ray=True, device="cuda:1"),
    ):
        pass


class Ray:
    """What a cluster of two machines says of itself."""

    def __init__(self, *machines):
        self.machines = machines

    def nodes(self):
        return [{"Alive": alive, "Resources": has} for alive, has in self.machines]


@pytest.mark.parametrize(
    ("machines", "device", "slots", "threads", "gpus"),
    [
        ([(True, {"CPU": 8}), (True, {"CPU": 4})], "auto", 6, 2, 0),
        ([(True, {"CPU": 8}), (False, {"CPU": 1})], "cpu", 2, 4, 0),
        ([(True, {"CPU": 8, "GPU": 2}), (True, {"CPU": 2})], "auto", 2, 4, 1),
        ([(True, {"CPU": 8, "GPU": 2}), (True, {"CPU": 2})], "cpu", 10, 1, 0),
        ([(True, {}), (True, {"CPU": 1})], "auto", 1, 1, 0),
    ],
    ids=["the smallest decides", "dead ones do not count", "gpus", "no gpu wanted", "one core"],
)
def test_pieces_fit_every_machine(machines, device, slots, threads, gpus):
    found = cluster.Cluster(Ray(*machines), 2, device)
    assert (found.slots, found._threads, found._gpus) == (slots, threads, gpus)
