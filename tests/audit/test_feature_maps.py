"""All channels of one layer are what the layer gave."""

import numpy as np
import pytest
import torch

from segscope.audit.feature_maps import feature_maps
from segscope.data import load_of, open_dataset
from segscope.errors import InputError
from tests.audit.untrained import untrained
from tests.synthetic import write_volume_dataset


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps") / "data"
    dataset = open_dataset(write_volume_dataset(folder, cases=2, shape=(16, 20, 16)))
    return dataset, untrained(dataset)


def test_maps_are_the_layers_own_in_the_slice_with_the_largest_truth(seen):
    dataset, model = seen
    case, plan = dataset.training[0], model.spec.plan
    found = feature_maps(model, case)
    assert found.maps.shape == (4, *found.truth.shape)
    given = {}
    layer = dict(model.net.named_modules())[found.layer]
    hook = layer.register_forward_hook(lambda _, __, out: given.update(out=out))
    prepared = plan.apply(load_of(dataset, case).image)
    with torch.inference_mode():
        model.net(torch.from_numpy(prepared.array.copy())[None])
    hook.remove()
    truth = plan.apply_label(load_of(dataset, case).label, prepared)
    best = int((truth > 0).sum((0, 1)).argmax())
    expected = np.rot90(given["out"][0].numpy()[..., best], axes=(-2, -1))
    np.testing.assert_allclose(found.maps, expected, atol=1e-5)
    np.testing.assert_array_equal(found.truth, np.rot90(truth[..., best]))


def test_a_layer_that_is_not_there_is_refused(seen):
    dataset, model = seen
    with pytest.raises(InputError, match="--layer"):
        feature_maps(model, dataset.training[0], layer="nothing")
