"""A Ray cluster of two machines, both of them this one."""

import threading
import time

import pytest

from segscope.jobs.cluster import has_ray

ray_there = pytest.mark.skipif(not has_ray(), reason="needs Ray (pip install segscope[ray])")


@pytest.fixture
def two_nodes(monkeypatch):
    """A cluster of two machines with a core each, beside one without any that begins the work."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        nodes.workers = [nodes.add_node(num_cpus=1) for _ in range(2)]
        monkeypatch.setenv("RAY_ADDRESS", nodes.address)
        yield nodes
    finally:
        nodes.shutdown()


def kill_when(nodes, begun):
    """Kill the second machine as soon as two things have begun; in a thread of its own."""

    def watch():
        for _ in range(2000):
            if len(begun()) >= 2:
                break
            time.sleep(0.05)
        nodes.remove_node(nodes.workers[1], allow_graceful=False)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def kill_soon(nodes):
    """Kill the second machine as soon as both work; in a thread of its own."""
    import ray

    def working():
        if not ray.is_initialized():
            return []
        used = ray.available_resources().get("CPU", 0) == 0
        return [1, 2] if used and ray.cluster_resources().get("CPU", 0) == 2 else []

    return kill_when(nodes, working)
