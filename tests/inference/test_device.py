"""Devices: those that are there."""

import pytest
import torch

from segscope.errors import InputError
from segscope.inference import (
    choose_device,
)


def test_the_second_of_two_gpus_is_accepted_and_a_third_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto") == torch.device("cuda")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(InputError, match="cuda:0 to cuda:1"):
        choose_device("cuda:2")
