"""Two machines of a Ray cluster, both of them here; one is lost in the middle."""

import threading
import time
from pathlib import Path

import pytest

from segscope.jobs import cluster, run_jobs

ray_there = pytest.mark.skipif(not cluster.has_ray(), reason="needs Ray (segscope[ray])")


def slowly(folder, name):
    import ray

    node = ray.get_runtime_context().get_node_id()
    with (Path(folder) / f"{name}.begun").open("a") as file:
        file.write(node + "\n")
    time.sleep(1)
    (Path(folder) / name).write_text(node)


@pytest.fixture
def two_nodes(monkeypatch):
    """A cluster whose first machine has no cores, so that the two others do all."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        nodes.workers = [nodes.add_node(num_cpus=1) for _ in range(2)]
        monkeypatch.setenv("RAY_ADDRESS", nodes.address)
        yield nodes
    finally:
        nodes.shutdown()


def kill_when(nodes, begun):
    """Kill the second machine as soon as both have begun; in a thread of its own."""

    def watch():
        while len(begun()) < 2:
            time.sleep(0.05)
        nodes.remove_node(nodes.workers[1], allow_graceful=False)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


@ray_there
@pytest.mark.slow
def test_what_a_lost_machine_had_begun_is_done_by_another(tmp_path, two_nodes):
    def begun():
        return {f.read_text() for f in tmp_path.glob("*.begun")}

    thread = kill_when(two_nodes, begun)
    lines = []
    run_jobs(slowly, [(str(tmp_path), f"n{k}") for k in range(8)], ray=True, say=lines.append)
    thread.join()
    print(*lines, sep="\n")
    done = [f.read_text() for f in tmp_path.glob("n?")]
    twice = [f.name for f in tmp_path.glob("*.begun") if len(f.read_text().split()) > 1]
    assert len(done) == 8
    assert twice
    print(twice, done)
