"""What several files of these tests begin with."""

import pytest

from segscope.data import write_json
from segscope.inference import save_model
from segscope.inference.run_files import MANIFEST
from tests.inference.nets import random_model


@pytest.fixture
def run(tmp_path):
    """A run with a manifest, whose two files of weights differ."""
    folder = tmp_path / "run"
    folder.mkdir()
    write_json(folder / MANIFEST, {"format": 1, "seed": 0, "inputs": {}, "files": {}})
    for seed, name in enumerate(("best", "last")):
        model = random_model(seed=seed)
        save_model(folder, model.spec, model.net, name=name)
    return folder
