"""Output against intensities, and noise: of every case, by the functions that do one."""

import pytest
import torch

from segscope.audit import audit
from segscope.audit.sensitivity import NOISE, Separable, noise_changes, separable_cases
from segscope.data import load_of, open_dataset
from segscope.explain import separableness, uniform_noise
from tests.audit.untrained import untrained
from tests.synthetic import write_plane_dataset


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planes") / "data"
    dataset = open_dataset(write_plane_dataset(folder, cases=2, shape=(32, 32)))
    small = {"preprocessing": {"resize": [32, 32]}, "patch": [32, 32]}
    return dataset, untrained(dataset, **small)


def test_distance_is_what_the_output_adds():
    assert Separable("a", 0.75, 0.5).distance == 0.25


def test_each_case_is_compared_as_it_is_prepared(seen):
    dataset, model = seen
    found = separable_cases(model, dataset.training, dataset)
    assert [one.case for one in found] == ["p0", "p1"]
    plan, loaded = model.spec.plan, load_of(dataset, dataset.training[0])
    prepared = plan.apply(loaded.image)
    image = torch.from_numpy(prepared.array.copy())[None]
    truth = torch.from_numpy(plan.apply_label(loaded.label, prepared).astype("int64"))[None, None]
    with torch.inference_mode():
        logits = model.net(image)
    guide = logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(1)
    output, intensities, _ = separableness(image, guide, truth)
    assert found[0].dice == pytest.approx(output.item(), abs=1e-5)
    assert found[0].intensities == pytest.approx(intensities.item(), abs=1e-5)


def test_noise_changes_layers_by_maximum_and_case(seen):
    dataset, model = seen
    found = noise_changes(model, dataset.training, dataset)
    pairs = [(one.maximum, one.case) for one in found]
    assert pairs == [(maximum, name) for maximum in NOISE for name in ("p0", "p1")]
    plan, loaded = model.spec.plan, load_of(dataset, dataset.training[1])
    prepared = plan.apply(loaded.image)
    image = torch.from_numpy(prepared.array.copy())
    truth = torch.from_numpy(plan.apply_label(loaded.label, prepared).astype("int64"))[None]
    (clean,) = audit(model, [("p1", image, truth)], units="none").cases
    (noisy,) = audit(model, [("p1", uniform_noise(image, 1.0, seed=1), truth)], units="none").cases
    apart = [n.scores["dice"][0] - c.scores["dice"][0]
             for n, c in zip(noisy.layers, clean.layers, strict=True)]  # fmt: skip
    assert found[-1].change == pytest.approx(apart, abs=1e-6)
    assert any(abs(change) > 1e-3 for change in apart)
