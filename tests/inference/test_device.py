"""Devices by name, bfloat16 by instructions, levels by number."""

import pytest
import torch

from segscope.errors import InputError
from segscope.inference.device import choose_device, has_bf16, parse_level


@pytest.mark.parametrize("name", ["cuda:99", "tpu", "cpu:x", "cpu:1"])
def test_a_device_that_is_not_here_is_refused_with_those_that_are(name):
    with pytest.raises(InputError, match=f"--device {name}: is not here; here are .*cpu"):
        choose_device(name)


@pytest.mark.parametrize(
    ("avx", "amx", "expected"), [(0, 0, False), (1, 0, True), (0, 1, True)],
    ids=["neither", "vectors", "tiles"],
)  # fmt: skip
def test_a_processor_has_bfloat16_by_either_of_its_instructions(monkeypatch, avx, amx, expected):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert has_bf16(torch.device("cpu")) is expected


def test_a_level_is_a_number_or_l_and_a_number():
    assert [parse_level(text) for text in ("L2", "l3", "4")] == [2, 3, 4]
    with pytest.raises(InputError, match="expected L1, L2, L3 or L4"):
        parse_level("deep")
