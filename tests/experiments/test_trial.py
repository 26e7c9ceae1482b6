"""A trial is named by all that decides it."""

from segscope.experiments import Draw, Trial, parse_arm

DRAW = Draw(name="d", seed=0, train=("a",), val=("b",), test=("c",))


def trial(recipe):
    return Trial(parse_arm("unet"), DRAW, recipe, "data", "content")


def test_weights_of_another_content_are_another_trial(tmp_path):
    file = tmp_path / "vgg.safetensors"
    recipe = {"loss": {"options": {"weights": str(file)}}, "patch": [8, 8]}
    absent = trial(recipe).key
    file.write_bytes(b"one")
    one = trial(recipe).key
    file.write_bytes(b"two")
    two = trial(recipe).key
    file.write_bytes(b"one")
    assert len({absent, one, two}) == 3
    assert trial(recipe).key == one
