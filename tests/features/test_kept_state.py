"""Networks that write to themselves while they run are as before, wherever they are run."""

import warnings

import pytest
import torch
from torch import nn

from segscope.audit import audit, name_preparation, try_neighbours
from segscope.audit.quality import measure_figures
from segscope.audit.sensitivity import noise_changes, separable_cases
from segscope.data import load_of, open_dataset
from segscope.explain import class_activation_map, variance_of_gradients
from segscope.explain.last_layer import last_layer
from segscope.features import feature_names, untouched
from segscope.features.kept_state import state_kept
from segscope.inference import predict_labels, predict_probabilities
from segscope.networks import multiply_adds
from tests.audit.untrained import untrained
from tests.synthetic import write_plane_dataset


class Remembers(nn.Module):
    """Counts its passes in every way that a module can, and its answers depend on it."""

    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(1))
        self.register_buffer("hidden", torch.zeros(2), persistent=False)
        self.plain, self.number, self.first = torch.zeros(2), 0, True

    def forward(self, x):
        self.count += 1
        self.mean = 0.5 * self.mean + 0.5 * x.detach().float().mean()
        self.hidden.data.add_(1)
        self.plain[0] += 1
        self.number += 1
        if self.first:
            self.register_buffer("late", torch.ones(1))
            self.first = False
        return x + 0.1 * self.count + self.mean + 0.1 * (self.hidden[0] + self.plain[0])


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), Remembers(), nn.Conv2d(4, 2, 1)
    )


def state(net):
    """All that it holds but weights: objects, and copies of their values."""
    found = {}
    for name, module in net.named_modules():
        held = {
            **module._buffers,
            **vars(module),
            "not stored": set(module._non_persistent_buffers_set),
        }
        for key, value in held.items():
            if not isinstance(value, dict):
                tensor = isinstance(value, torch.Tensor)
                found[f"{name}.{key}"] = id(value) if tensor else value
                found[f"{name}.{key} values"] = value.clone() if tensor else None
    return found


def same(one, other):
    assert one.keys() == other.keys()
    for key, value in one.items():
        tensor = isinstance(value, torch.Tensor)
        assert torch.equal(value, other[key]) if tensor else value == other[key], key


X = torch.linspace(-1, 2, 64).reshape(1, 8, 8)
CASES = [(name, X * k, (X > 0.3).long()) for k, name in enumerate("ab", 1)]
RUNS = {
    "audit": lambda net: audit(net, CASES),
    "audit of little memory": lambda net: audit(net, CASES, low_memory=True),
    "names": lambda net: feature_names(net, "auto", X[None]),
    "last layer": lambda net: last_layer(net, X[None]),
    "multiply-adds": lambda net: multiply_adds(net, (1, 1, 8, 8)),
    "variance of gradients": lambda net: variance_of_gradients([net, net], X[None]),
    "map of a layer": lambda net: class_activation_map(net, X, 1, method="gradcam"),
    "map of the image": lambda net: class_activation_map(net, X, 1, method="gradientshap"),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", RUNS)
def test_networks_of_others_are_as_before(name, training):
    net = network().train(training)
    before = state(net)
    RUNS[name](net)
    same(before, state(net))


def test_no_case_changes_the_next():
    both = audit(network(), CASES).cases
    assert both == tuple(audit(network(), [case]).cases[0] for case in CASES)
    assert both == audit(network(), CASES, low_memory=True).cases


@pytest.fixture(scope="module")
def planes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planes") / "data"
    dataset = open_dataset(write_plane_dataset(folder, cases=2, shape=(32, 32)))
    small = {"preprocessing": {"resize": [32, 32]}, "patch": [32, 32]}
    model = untrained(dataset, **small)
    model.net.register_buffer("passes", torch.zeros(()))
    model.net.register_forward_hook(
        lambda net, inputs, output: (
            output + net.passes.add_(1) * torch.tensor([0.0, 1]).view(2, 1, 1)
        )
    )
    return dataset, model


def test_a_trained_networks_predictions_do_not_depend_on_what_came_before(planes):
    dataset, model = planes
    image = load_of(dataset, dataset.training[0]).image
    first = predict_probabilities(model, image)
    predict_labels(model, image)
    found = predict_probabilities(model, image)
    assert model.net.passes == 0
    assert (found.array == first.array).all()


def test_measures_of_trained_networks_leave_them_as_they_were(planes):
    dataset, model = planes
    before = state(model.net)
    measure_figures(model, dataset.training)
    separable_cases(model, dataset.training, dataset)
    noise_changes(model, dataset.training, dataset)
    same(before, state(model.net))


def test_preparations_are_tried_without_a_trace(planes):
    dataset, _ = planes
    net = network()
    before = state(net)
    named = name_preparation("asis", dataset, net, probabilities=False)
    try_neighbours(net, named, dataset.training)
    same(before, state(net))


def test_what_is_returned_may_lie_in_a_buffer():
    class Fills(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("out", torch.zeros(1, 1, 8, 8))

        def forward(self, x):
            return self.out.copy_(x)

    net = Fills()
    with untouched(net), torch.no_grad():
        found = net(X[None])
    assert torch.equal(found, X[None])
    assert net.out.max() == 0


def test_shared_buffers_stay_shared():
    net = nn.ModuleList([nn.BatchNorm1d(1), nn.BatchNorm1d(1)]).train()
    net[1].running_mean = net[0].running_mean
    with state_kept(net):
        net[0](torch.full((4, 1), 3.0))
        assert net[1].running_mean > 0
        assert net[1].running_mean is net[0].running_mean
    assert net[1].running_mean is net[0].running_mean
    assert net[1].running_mean == 0


def test_scripts_and_exported_networks_are_kept_too():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("count", torch.zeros(()))

        def forward(self, x):
            self.count += 1
            return x + self.count

    x = torch.zeros(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # scripts are on their way out
        script = torch.jit.script(Counts())
    for net in (script, torch.export.export(Counts(), (x,)).module()):
        with state_kept(net):
            assert net(x) == 1
        assert net.count == 0


def test_layers_that_are_made_by_their_first_pass_stay_made():
    net = nn.Sequential(nn.LazyConv2d(2, 1), nn.LazyBatchNorm2d())
    with untouched(net), torch.no_grad():
        net(X[None])
    assert net[0].in_channels == 1
    assert net[0].weight.shape == (2, 1, 1, 1)
    assert net(X[None]).shape == (1, 2, 8, 8)


def test_it_is_given_back_after_an_error():
    net = network()
    before = state(net)
    with pytest.raises(ValueError, match="fails on an image"):
        class_activation_map(net, torch.zeros(2, 8, 8), 1, method="gradcam")
    same(before, state(net))
