"""The mask as a channel: 0 or 1 before and after resampling; odd options are refused."""

import numpy as np
import pytest
from pydantic import ValidationError

from segscope.images import Grid, Image
from segscope.preprocessing import (
    ChannelPlan,
    MaskPlan,
    Plan,
    mask_channels,
    normalise,
    plan_inputs,
)

PLAN = Plan(image_dims=3, spatial_dims=3, spacing_mm=(2.0, 2.0, 2.0), crop=True,
            interpolation="cubic", channels=(ChannelPlan(name="MR"),))  # fmt: skip


def test_inputs_add_the_mask_or_leave_it_alone():
    both, alone = plan_inputs(PLAN, "image+gbm"), plan_inputs(PLAN, "gbm")
    assert [c.scheme for c in both.channels] == ["zscore", "mask"]
    assert [c.scheme for c in alone.channels] == ["mask"]
    assert (both.crop, alone.crop) == (True, False)  # where the mask lies is what it tells
    assert plan_inputs(both, "image+gbm") == both
    assert plan_inputs(both, "image") == PLAN
    assert (mask_channels(PLAN), mask_channels(both), mask_channels(alone)) == ((), (1,), (0,))


def test_a_resampled_mask_is_0_or_1():
    random = np.random.default_rng(0)
    mask = np.zeros((12, 12, 12))
    mask[3:8, 2:9, 4:10] = 255
    array = np.stack([random.normal(size=mask.shape), mask])
    prepared = plan_inputs(PLAN, "image+gbm").apply(Image(array, Grid.from_spacing(mask.shape)))
    assert set(np.unique(prepared.array[1])) == {0.0, 1.0}
    size = prepared.array[1].sum() * 8
    assert abs(size - 5 * 7 * 6) / (5 * 7 * 6) < 0.35  # an edge of half a voxel of 2 mm
    assert len(np.unique(prepared.array[0])) > 100


def test_a_window_is_clipped_and_scaled():
    plan = ChannelPlan(name="CT", scheme="window", lower=-200, upper=200)
    found, _ = normalise(np.array([-1000.0, -200.0, 0.0, 100.0, 3000.0]), plan)
    np.testing.assert_allclose(found, [0, 0, 0.5, 0.75, 1])
    with pytest.raises(ValidationError, match="window needs lower < upper"):
        ChannelPlan(name="CT", scheme="window")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "network"}, "needs run"),
        ({"method": "file"}, "needs folder"),
        ({"method": "threshold", "run": "x"}, "run is for method network"),
        ({"method": "labels", "template": "x"}, "template is for method threshold"),
        ({"method": "threshold", "labels": ("a",)}, "labels are for methods"),
        ({"method": "threshold", "closing_mm": -1}, "greater than or equal to 0"),
        ({"method": "magic"}, "Input should be"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, said):
    with pytest.raises(ValidationError, match=said):
        MaskPlan(**options)


def test_gaps_are_closed_by_default_only_where_dark_insides_leave_them():
    assert MaskPlan(method="threshold").closing == 5.0
    assert MaskPlan(method="labels").closing == 0.0
    assert MaskPlan(method="threshold", closing_mm=0).closing == 0.0
