"""Parameters and multiply-adds are those of the papers."""

import pytest

from segscope.networks import (
    ANUNet,
    build_network,
    count_parameters,
    multiply_adds,
)


@pytest.mark.parametrize(
    ("name", "parameters", "giga"),
    [
        ("unet", 7_766_369, 12.03),
        ("r2unet", 8_908_321, 33.83),
        ("attention_unet", 7_856_237, 12.37),
        ("attention_r2unet", 8_998_189, 34.17),
        ("unetplusplus", 8_828_420, 29.75),
        ("anunet", 8_950_594, 30.70),
    ],
)
def test_counts_at_the_papers_widths(name, parameters, giga):
    net = build_network(name, 2, 1, 1)
    assert count_parameters(net) == parameters
    assert multiply_adds(net, (1, 1, 256, 256)) / 1e9 == pytest.approx(giga, abs=0.006)


@pytest.mark.parametrize(
    ("gates", "counts"),
    [
        ("newest", (103_812, 513_387, 2_191_829, 8_950_594)),
        ("all", (103_812, 515_662, 2_202_977, 8_994_048)),
    ],
)
def test_pruned_counts_are_those_of_table_6(gates, counts):
    net = ANUNet(2, 1, 1, gates=gates)
    assert tuple(count_parameters(net.prune(k)) for k in (1, 2, 3, 4)) == counts


def test_pruned_multiply_adds():
    net = ANUNet(2, 1, 1)
    found = [multiply_adds(net.prune(k), (1, 1, 256, 256)) / 1e9 for k in (1, 2, 3, 4)]
    assert found == pytest.approx([3.61, 9.22, 18.05, 30.70], abs=0.006)
