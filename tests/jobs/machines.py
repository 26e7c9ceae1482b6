"""A Ray cluster of two machines, both of them this one."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from segscope.jobs.cluster import has_ray

ray_there = pytest.mark.skipif(not has_ray(), reason="needs Ray (pip install segscope[ray])")


@pytest.fixture
def head_node(monkeypatch):
    """A machine without a core, which begins the work of others."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    yield nodes
    nodes.shutdown()


@pytest.fixture
def two_nodes(head_node):
    """A cluster of two machines with a core each, beside one without any that begins the work."""
    head_node.workers = [head_node.add_node(num_cpus=1) for _ in range(2)]
    return head_node


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


@contextmanager
def node_without(nodes, folder):
    """A machine with two cores of its own that has nothing at a folder's place.

    Skips where the system gives this process no view of the disk of its own.
    """
    hide = f'mount -t tmpfs none "{folder}" && '
    may = ["unshare", "-m", "sh", "-c", f"{hide} true"]
    if shutil.which("unshare") is None or subprocess.run(may, check=False).returncode:
        pytest.skip("needs a mount namespace (root on Linux)")
    start = f"exec ray start --address={nodes.address} --num-cpus=2 --block --disable-usage-stats"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with subprocess.Popen(
        ["unshare", "-m", "sh", "-c", hide + start], env={**os.environ, "PATH": path},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
