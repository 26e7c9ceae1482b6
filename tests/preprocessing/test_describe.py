"""Plans in words."""

import pytest

from segscope.preprocessing import ChannelPlan, Plan
from segscope.preprocessing.describe import describe_plan


def told(channel=None, **more):
    channels = (channel or ChannelPlan(name="T1"),)
    return describe_plan(
        Plan(image_dims=3, spatial_dims=3, channels=channels).model_copy(update=more)
    )


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"orientation": True}, "axes: turned to the closest RAS+ order"),
        ({"orientation": False}, "axes: as in the file"),
        ({"slice_axis": 1}, "slices: along the second of these axes, one by one"),
        ({"crop": True}, "crop: to what differs from the border's most common value"),
        ({"spacing_mm": (1.0, 1.25, 3.0), "interpolation": "linear", "through_plane": "blend"},
         "size: resampled to 1 x 1.25 x 3 mm (linear)"),
        ({"spacing_mm": (1.0, 1.0, 3.0), "interpolation": "linear", "through_plane": "nearest"},
         "size: resampled to 1 x 1 x 3 mm (linear, slices taken over unblended)"),
        ({"resize": (64, 32), "resize_mode": "stretch", "interpolation": "cubic"},
         "size: stretched to 64 x 32 (cubic)"),
        ({"resize": (64, 32), "resize_mode": "fit", "interpolation": "cubic"},
         "size: fitted and padded with 0 to 64 x 32 (cubic)"),
        ({"resize": None, "spacing_mm": None}, "size: as in the file"),
    ],
)  # fmt: skip
def test_geometry_is_one_sentence_each(change, line):
    assert line in told(**change)


def test_what_is_not_done_is_not_said():
    said = told(crop=False, slice_axis=None)
    assert [line.partition(":")[0] for line in said] == ["axes", "size", "channel 0 (T1)"]


@pytest.mark.parametrize(
    ("channel", "said"),
    [
        ({"scheme": "zscore", "nonzero_only": True},
         "minus its own mean, over its own standard deviation, without the border's value where "
         "that is common"),
        ({"scheme": "mask"}, "1 where it is not 0"),
        ({"scheme": "ct", "lower": -100.0, "upper": 300.0, "mean": 40.5, "sd": 25.0},
         "clipped to [lower, upper], then minus mean, over sd; lower -100, upper 300, mean 40.5, "
         "sd 25"),
        ({"scheme": "rescale", "lower": 0.0, "upper": 255.0},
         "(x - lower) / (upper - lower); lower 0, upper 255"),
    ],
    ids=["zscore", "mask", "ct", "rescale"],
)  # fmt: skip
def test_every_channel_is_said_with_its_numbers(channel, said):
    assert told(ChannelPlan(name="CT", **channel))[-1] == f"channel 0 (CT): {said}"
