"""A pointwise network on discs whose grey level decides all: known cases without a training."""

from dataclasses import replace

import numpy as np

from segscope.images import Grid, Image
from segscope.inference import TrainedModel
from segscope.trust.measure import KnownCase
from tests.inference.nets import Pointwise, spec_of
from tests.synthetic import ball


def pointwise_model(classes=1, image_dims=2, slope=8.0):
    """Sigmoid of ``slope * (x - 0.5)``, on planes or on volumes slice by slice."""
    weight = [slope] if classes == 1 else [0.0, slope, -slope][:classes]
    bias = [-slope / 2] if classes == 1 else [0.0, -slope / 2, -slope / 2][:classes]
    options = {"slice_axis": 2} if image_dims == 3 else {}
    spec = spec_of(2, classes=classes, image_dims=image_dims, patch=(32, 32), **options)
    return TrainedModel(spec, Pointwise(2, weight, bias).eval())


def prepare(model, array):
    return model.run_spec.plan.apply(Image(array[None], Grid.from_spacing(array.shape)))


def known_cases(model, count=24, side=32, seed=0):
    """Discs of several sizes, blurred into the background to several degrees."""
    found = []
    for k in range(count):
        random = np.random.default_rng(seed + k)
        label = ball((side, side), (side // 2, side // 2), random.uniform(4, 10)).astype(np.uint8)
        image = label * random.uniform(0.6, 1.0) + random.normal(0, 0.15, label.shape)
        prepared = prepare(model, image)
        found.append(KnownCase(f"c{k}", f"s{k}", lambda p=prepared, y=label: (replace(p), y)))
    return found
