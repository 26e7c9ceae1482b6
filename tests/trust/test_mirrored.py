"""Mirrored copies: turned back, as many as axes allow, and a quick argmax."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segscope.inference import predict_prepared
from segscope.trust.mirrored import image_axes, mirrored_labels, to_label_array
from tests.inference.nets import random_model
from tests.trust.known import known_cases, pointwise_model, prepare


@given(hnp.arrays(np.float32, (3, 4), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])))
def test_it_is_argmax_with_the_first_of_equals(p):
    assert (to_label_array(p) == p.argmax(0)).all()


def test_a_network_that_is_the_same_mirrored_says_the_same():
    model = pointwise_model()
    array = known_cases(model, 1)[0].open()[0].array
    copies = list(mirrored_labels(model, array))
    assert len(copies) == 3
    own = to_label_array(predict_prepared(model, array))
    assert all((copy == own).all() for copy in copies)


def test_another_network_sees_the_mirrored_image():
    model = random_model(2, seed=4)
    array = np.random.default_rng(0).normal(size=(1, 16, 16)).astype(np.float32)
    copies = list(mirrored_labels(model, array))
    turned = torch.from_numpy(np.ascontiguousarray(array[:, ::-1]))
    with torch.no_grad():
        wanted = model.net(turned[None])[0].argmax(0).numpy()[::-1]
    assert (copies[0] == wanted).all()
    assert (copies[0] != copies[1]).any()


def test_axes_are_counted_without_the_slices():
    model = pointwise_model(image_dims=3)
    assert image_axes(model) == [0, 1]
    assert len(list(mirrored_labels(model, prepare(model, np.zeros((4, 4, 2))).array))) == 3
