"""The network that an audit loads is the same each time."""

import pytest

from segscope.errors import InputError
from segscope.inference import OpenOptions
from segscope.inference.manifest import state_hash
from segscope.workflows.audit_model import Network
from segscope.workflows.audit_pieces import loaded


def test_a_network_that_is_another_one_each_time_is_refused(tmp_path, monkeypatch):
    (tmp_path / "drawn.py").write_text(
        "import torch\ndef net():\n    return torch.nn.Conv2d(1, 4, 3, padding=1)\n"
    )
    monkeypatch.chdir(tmp_path)
    network = Network(name="drawn:net", opening=OpenOptions(device="cpu"))
    with pytest.raises(InputError, match="drawn:net: has other weights each time it is loaded"):
        loaded(network, state_hash(network.load()))
