"""A run as a MONAI bundle: MONAI's own parser labels as the run does, or the plan is refused."""

import json

import numpy as np
import pytest
import torch

from segscope.errors import InputError, WorkError
from segscope.inference import open_model
from segscope.inference.export.bundle_folder import check_bundle, transforms_of, write_bundle
from segscope.preprocessing import Plan
from tests.inference.nets import random_model


def plan(**changes):
    values = {"image_dims": 3, "spatial_dims": 3, "channels": [{"name": "x"}], **changes}
    return Plan.model_validate(values)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "bundle"
    model = random_model(3, channels=[{"name": "x", "scheme": "zscore"}], spacing_mm=(1, 1, 2))
    return folder, model, write_bundle(folder, model)


def test_monai_labels_as_the_run_does_and_so_does_segscope(written):
    folder, model, same = written
    assert same >= 0.999
    opened = open_model(folder)
    assert opened.spec.labels == {"background": 0, "label1": 1}
    x = torch.randn(1, 1, 16, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(opened.net(x), model.net(x))


def test_other_weights_fail_the_check(written):
    folder, model, _ = written
    other = random_model(3, seed=1, channels=model.spec.plan.channels, spacing_mm=(1, 1, 2))
    with pytest.raises(WorkError, match="do not use it"):
        check_bundle(folder, other)


def test_every_part_is_one_that_is_read_as_data(written):
    folder, _, _ = written
    facts = json.loads((folder / "configs/metadata.json").read_text())
    wanted = {"version", "monai_version", "pytorch_version", "numpy_version", "task", "description",
              "authors", "copyright", "intended_use", "network_data_format"}  # fmt: skip
    assert wanted <= facts.keys()
    assert facts["network_data_format"]["outputs"]["pred"]["channel_def"]["1"] == "label1"


@pytest.mark.parametrize("scheme", [
    {"scheme": "zscore"}, {"scheme": "none"}, {"scheme": "own_range"},
    {"scheme": "window", "lower": 10, "upper": 90},
    {"scheme": "rescale", "lower": 10, "upper": 90},
    {"scheme": "ct", "lower": 10, "upper": 90, "mean": 40, "sd": 7},
])  # fmt: skip
def test_normalisations_are_said_in_monais_words(scheme):
    from monai import transforms

    own = plan(channels=[{"name": "x", **scheme}, {"name": "y", **scheme}])
    array = np.random.default_rng(1).normal(50, 30, (2, 5, 6, 7)).astype(np.float32)
    from segscope.images import Grid, Image

    expected = own.apply(Image(array, Grid.from_spacing((5, 6, 7)))).array
    data = {"image": torch.from_numpy(array.copy())}
    for one in transforms_of(own)[2:]:
        values = {key: value for key, value in one.items() if key != "_target_"}
        data = getattr(transforms, one["_target_"])(**values)(data)
    np.testing.assert_allclose(data["image"].numpy(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("changes", "said"), [
    ({"crop": True}, "crop: to what differs"),
    ({"crop_mm": (5, 5, 5)}, "crop_mm"),
    ({"spacing_mm": (1, 1, 1), "interpolation": "cubic"}, "cubic"),
    ({"spacing_mm": (1, 1, 1), "through_plane": "nearest"}, "through_plane"),
    ({"spatial_dims": 2, "slice_axis": 2}, "slice_axis"),
    ({"image_dims": 2, "spatial_dims": 2}, "plane images"),
    ({"channels": [{"name": "x", "nonzero_only": True}]}, "nonzero_only"),
    ({"channels": [{"name": "x", "scheme": "maximum"}]}, "maximum"),
    ({"channels": [{"name": "x"}, {"name": "y", "scheme": "none"}]}, "each in another way"),
])  # fmt: skip
def test_what_monai_cannot_say_is_refused_by_name(changes, said):
    with pytest.raises(InputError, match=said):
        transforms_of(plan(**changes))
