"""Memory of a training step: counted on graphs worked by hand, and on networks by their laws."""

import pytest
import torch
from torch import nn

from segscope.inference import NetworkSpec
from segscope.training import plan_recipe
from segscope.training.memory import LiveBytes, recipe_memory_gb, step_memory_gb
from tests.synthetic import fingerprint_3d

GIB = 2**30


def plain(widths=(4, 8), dims=2, name="unet", **options):
    options = {"widths": list(widths), "norm": "instance", **options}
    return NetworkSpec(name=name, spatial_dims=dims, in_channels=1, out_channels=2, options=options)


def test_what_a_graph_keeps_for_its_way_back_is_counted_by_hand():
    layer = nn.Linear(10, 10, bias=False, device="meta")
    x = torch.zeros(1000, 10, device="meta")  # 40,000 bytes
    with LiveBytes() as live:
        live.hold(x)
        live.hold(layer.weight)  # 400 bytes
        y = layer(x)  # 40,000 more
        z = y.exp()  # 40,000 more, kept; y is kept by its name
        assert live.now == 3 * 40_000 + 400
        del y  # exp needs its result alone
        assert live.now == 2 * 40_000 + 400
        z.sum().backward()
        del z
    assert live.now == 40_000 + 2 * 400  # the input, 100 weights and their gradient
    # at most: input, z, the gradient of y; weights, theirs; the sum and its gradient
    assert live.most == 3 * 40_000 + 2 * 400 + 2 * 4


def test_a_view_adds_nothing():
    with LiveBytes() as live:
        x = torch.zeros(8)
        x.view(2, 4).t()
    assert (live.now, live.most) == (32, 32)


def test_weights_count_with_their_moments():
    wide = plain((2, 512))
    adamw, sgd = (step_memory_gb(wide, (8, 8), 1, moments=n, device="cuda") for n in (2, 1))
    count = sum(p.numel() for p in _built(wide).parameters())
    assert (adamw - sgd) * GIB == pytest.approx(4 * count)


def test_samples_add_up_and_gaps_are_the_heaps():
    one, two, three = (step_memory_gb(plain(), (32, 32), n, device="cuda") for n in (1, 2, 3))
    assert three - two == pytest.approx(two - one, rel=0.01)
    assert step_memory_gb(plain(), (32, 32), 2) == pytest.approx(1.3 * two)


def test_heads_that_the_loss_leaves_out_take_less():
    nested = plain((2, 4, 8), name="anunet")
    every = step_memory_gb(nested, (64, 64), 2)
    assert step_memory_gb(nested, (64, 64), 2, deep_supervision=False) < every


def test_a_patch_is_rounded_up_to_what_the_network_takes():
    assert step_memory_gb(plain(), (31, 33), 1) == step_memory_gb(plain(), (32, 34), 1)


def test_counting_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    step_memory_gb(plain(), (8, 8), 1)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_recipe_is_counted_with_its_own_network():
    recipe = plan_recipe(fingerprint_3d(), None, {"train": {"device": "cpu"}})
    expected = step_memory_gb(
        plain(recipe.network.widths, 3, strides=[list(s) for s in recipe.network.strides]),
        recipe.patch,
        recipe.train.batch_size,
    )
    assert recipe_memory_gb(recipe, 2) == expected
    other = recipe.network.model_copy(update={"name": "a_packages_own"})
    assert recipe_memory_gb(recipe.model_copy(update={"network": other}), 2) is None


def _built(spec):
    from segscope.networks import build_network

    return build_network(spec.name, 2, 1, 2, **spec.options)
