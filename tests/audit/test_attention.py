"""Attention over epochs is that of each epoch's own weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from segscope.audit.attention import attention_over_epochs, prepared_slice
from segscope.data import load_of, open_dataset
from segscope.errors import InputError
from segscope.inference import save_model
from segscope.training.setup import make_network
from tests.audit.untrained import untrained
from tests.synthetic import write_plane_dataset, write_volume_dataset


@pytest.fixture(scope="module")
def planes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planes") / "data"
    dataset = open_dataset(write_plane_dataset(folder, cases=2))
    small = {"preprocessing": {"resize": [32, 32]}, "patch": [32, 32]}
    return dataset, untrained(dataset, "anunet", levels=5, **small)


def test_each_kept_epoch_has_the_gates_of_its_weights(planes, tmp_path):
    dataset, model = planes
    nets = {epoch: make_network(model.spec, epoch).eval() for epoch in (3, 12)}
    for epoch, net in nets.items():
        save_model(tmp_path, model.spec, net, name=f"epoch{epoch:04d}")
    image, truth = prepared_slice(model, dataset.training[0], dataset)
    assert image.shape == (1, 32, 32)
    assert truth.shape == (32, 32)
    found = attention_over_epochs(tmp_path, image)
    assert {one.epoch for one in found} == {3, 12}
    assert {one.node for one in found} == {"0,1,0", "0,2,1", "0,3,2", "0,4,3"}
    for one in found:
        with torch.inference_mode():
            gates = nets[one.epoch].attention(torch.from_numpy(image)[None])
        np.testing.assert_array_equal(one.coefficients, gates[one.node][0, 0].numpy())


def test_of_a_volume_the_slice_with_the_largest_truth_is_taken(tmp_path):
    dataset = open_dataset(write_volume_dataset(tmp_path / "data", cases=2, shape=(20, 20, 8)))
    model = untrained(dataset, preprocessing={"spatial_dims": 2, "slice_axis": 2})
    case = dataset.training[0]
    _, truth = prepared_slice(model, case, dataset)
    whole = load_of(dataset, case).label.array > 0
    assert (truth > 0).sum() == whole.sum((0, 1)).max()  # the plan's grid is the file's


def test_a_case_without_a_label_map_is_refused(planes):
    dataset, model = planes
    alone = replace(dataset.training[0], label_file=None)
    with pytest.raises(InputError, match="has no label map"):
        prepared_slice(model, alone, dataset)
