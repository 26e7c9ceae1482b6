"""What every way of preparing has in common: a run's plan is one of them."""

import numpy as np

from segscope.images import Grid, Image
from segscope.preprocessing import ChannelPlan, Plan, Preparer, Shown


def test_a_plan_is_a_preparer_and_what_it_makes_is_shown():
    plan: Preparer = Plan(image_dims=2, spatial_dims=2, channels=(ChannelPlan(name="US"),))
    prepared = plan.apply(Image(np.eye(3)[None], Grid.from_spacing((3, 3)), notes=("odd",)))
    assert isinstance(prepared, Shown)
    assert (prepared.native.shape, prepared.notes) == ((3, 3), ("odd",))
    assert (plan.image_dims, plan.spatial_dims, plan.slice_axis) == (2, 2, None)
