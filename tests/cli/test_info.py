"""``segscope info`` names versions and the machine."""

import json

import numpy as np

from tests.commands import call


def test_info_names_versions_and_machine(capsys):
    code, out, _ = call(capsys, "info", "--json")
    assert code == 0
    facts = json.loads(out)
    assert facts["libraries"]["numpy"] == np.__version__
    assert facts["processors"] >= 1
    assert facts["memory_gb"] > 0.1
    code, out, _ = call(capsys, "info")
    assert code == 0
    assert f"numpy              {np.__version__}" in out
