"""Parts of a bundle: classes of a list, arguments that are values."""

from pathlib import Path

import pytest

from segscope.errors import InputError
from segscope.inference.foreign.bundle_config import BundleConfig
from segscope.inference.foreign.bundle_parts import (
    POST,
    TRANSFORMS,
    make_network,
    make_transform,
    part_of,
)


def part(**values):
    config = BundleConfig(Path("inference.json"), {})
    return config, part_of(config, values, "place")


def test_a_dotted_name_counts_by_its_last_part_below_monai_alone():
    assert part(_target_="monai.networks.nets.UNet")[1].name == "UNet"
    for other in ("os.UNet", "torch.UNet", "segscope.jobs.UNet"):
        with pytest.raises(InputError, match="never imported"):
            part(_target_=other)


def test_our_own_networks_are_built_by_their_names():
    config, one = part(_target_="segscope.networks.ANUNet", spatial_dims=2, in_channels=1,
                       out_channels=2, widths=[2, 4])  # fmt: skip
    assert type(make_network(config, one)).__name__ == "ANUNet"


def test_old_arguments_are_dropped_and_nothing_is_fetched():
    config, one = part(_target_="SwinUNETR", img_size=[32, 32], in_channels=1, out_channels=2,
                       feature_size=12, spatial_dims=2, use_checkpoint=True)  # fmt: skip
    assert type(make_network(config, one)).__name__ == "SwinUNETR"


@pytest.mark.parametrize(("target", "values", "allowed"), [
    ("Activationsd", {"other": "os.system"}, POST),
    ("CropForegroundd", {"source_key": "image", "select_fn": "eval"}, TRANSFORMS),
    ("Invertd", {"post_func": "exec"}, POST),
    ("Spacingd", {"no_such": 1}, TRANSFORMS),
])  # fmt: skip
def test_arguments_that_are_code_are_refused_by_name(target, values, allowed):
    config, one = part(_target_=target, keys="image", **values)
    with pytest.raises(InputError, match=list(values)[-1]):
        make_transform(config, one, allowed)
