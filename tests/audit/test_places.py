"""Where layers stand, in words."""

from segscope.audit.places import LayerShape, places


def shaped(*steps):
    return {str(k): LayerShape(8, (step, step)) for k, step in enumerate(steps)}


def test_sizes_are_of_features_against_the_output():
    found = LayerShape.of((1, 16, 5, 8), (1, 3, 10, 8))
    assert found == LayerShape(16, (2, 1))
    assert found.resolution == "1/2x1"


def test_a_u_net_has_an_encoder_down_to_its_coarsest_layer_and_a_decoder():
    assert list(places(shaped(1, 1, 2, 4, 4, 2, 1)).values()) == [
        "encoder 1/1 conv 1, 8 @ 1/1", "encoder 1/1 conv 2, 8 @ 1/1", "encoder 1/2 conv 1, 8 @ 1/2",
        "encoder 1/4 conv 1, 8 @ 1/4", "encoder 1/4 conv 2, 8 @ 1/4", "decoder 1/2 conv 1, 8 @ 1/2",
        "decoder 1/1 conv 1, 8 @ 1/1",
    ]  # fmt: skip


def test_of_networks_of_another_shape_only_sizes_are_said():
    assert list(places(shaped(1, 2, 1, 4, 2, 1)).values())[:3] == ["8 @ 1/1", "8 @ 1/2", "8 @ 1/1"]
    assert places({}) == {}
