"""``model.json``: nothing is filled in, nothing converted, and no number is beyond reason."""

import copy
import json
import os

import pytest
from pydantic import ValidationError

from segscope.errors import InputError
from segscope.inference import ModelSpec, NetworkSpec, load_model, read_spec, save_model
from segscope.preprocessing import ChannelPlan, MaskPlan, Plan, plan_inputs
from tests.inference.nets import random_model


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run, and what its model.json holds."""
    folder = tmp_path_factory.mktemp("spec") / "run"
    channel = {"name": "CT", "scheme": "ct", "lower": -100, "upper": 300, "mean": 50.0, "sd": 20.0}
    model = random_model(
        3, patch=(16, 16, 16), channels=[channel], spacing_mm=(1.0, 1.0, 2.0), name="prior_unet"
    )
    save_model(folder, model.spec, model.net)
    return folder, json.loads((folder / "model.json").read_text())


@pytest.fixture
def check(whole, tmp_path):
    """Read model.json with some values changed, and return what is said."""

    def read(facts):
        (tmp_path / "model.json").write_text(json.dumps(facts))
        with pytest.raises(InputError, match=r"model\.json") as caught:
            read_spec(tmp_path)
        return str(caught.value)

    return read


def places(value, path=()):
    """Every key, at any depth, except a network's own options and labels."""
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(value, dict):
            yield (*path, key)
        if isinstance(part, dict | list) and key not in ("options", "labels"):
            yield from places(part, (*path, key))


def changed(facts, path, value):
    facts = copy.deepcopy(facts)
    holder = facts
    for part in path[:-1]:
        holder = holder[part]
    if value is KeyError:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return facts


def test_every_key_that_is_lost_is_named(whole, check):
    _, facts = whole
    found = list(places(facts))
    assert len(found) > 30
    assert ("plan", "channels", 0, "nonzero_only") in found
    for path in found:
        said = check(changed(facts, path, KeyError))
        holder, key = ".".join(map(str, path[:-1])), ".".join(map(str, path))
        assert key in said or f"{holder}: channel CT: ct needs" in said, path


def test_keys_of_a_masks_plan_are_needed_too(tmp_path, check):
    plan = Plan(image_dims=2, spatial_dims=2, channels=(ChannelPlan(name="US"),))
    spec = ModelSpec(
        network=NetworkSpec(name="unet", spatial_dims=2, in_channels=2, out_channels=2),
        plan=plan_inputs(plan, "image+gbm"), labels={"background": 0, "x": 1},
        channel_names=("US", "mask"), patch=(16, 16), file_ending=".png",
        mask=MaskPlan(method="threshold", image_channels=("US",)),
    )  # fmt: skip
    facts = json.loads(spec.model_dump_json())
    for key in facts["mask"]:
        assert f"mask.{key}" in check(changed(facts, ("mask", key), KeyError))
    for change in ({"image_channels": []}, {"image_channels": ["a", "b"]}, {"channel": 1}):
        assert "mask.image_channels" in check(facts | {"mask": facts["mask"] | change})


@pytest.mark.parametrize(
    "labels",
    [
        {"background": 1, "lesion": 0},
        {"lesion": 0, "Background ": 1},
        {"background": 0, "lesion": 7},
        {"background": 0, "lesion": -1},
        {"background": 1, "lesion": 1},
        {"background": 0, "lesion": 0},
        {"background": 0, "": 1},
        {"background": 0, "  ": 1},
        {"lesion": 0, "lesion ": 1},
        {"background": 0, "lesion": "1"},
        {"background": 0, "lesion": True},
        {"background": 0, "lesion": 1.0},
        {"background": False, "lesion": 1},
        {"background": 0, "lesion": 1, "organ": 2},
        {"background": 0},
        {},
    ],
    ids=["swapped", "background-1", "gap", "negative", "both-1", "both-0", "no-name", "blank-name",
         "one-name", "text", "true", "float", "false", "three", "one", "none"],
)  # fmt: skip
def test_labels_are_the_networks_outputs(whole, check, labels):
    assert "labels" in check(whole[1] | {"labels": labels})


def test_a_label_that_is_there_twice_is_refused(whole, tmp_path):
    text = json.dumps(whole[1])
    assert '"label1": 1' in text
    (tmp_path / "model.json").write_text(text.replace('"label1": 1', '"label0": 0, "label0": 1'))
    with pytest.raises(InputError, match="'label0' is there more than once"):
        read_spec(tmp_path)


NUMBERS = {
    ("patch", 0): (0, -16, 2.5, "16", True, None, 1 << 17, 10**12),
    ("patch",): ([1 << 14] * 3, [], [16, 16], [16, 16, 16, 16]),
    ("mirror_axes",): ([0, 0], [3], [-1], [0.0], ["0"]),
    ("channel_names",): ([], ["a", "b"], [1]),
    ("format",): (0, 2, True, "1", None, 1.0),
    ("network", "spatial_dims"): (0, 2, 4, -3, "3"),
    ("network", "in_channels"): (0, -1, 2, 10**9, 1.0, True),
    ("network", "out_channels"): (0, -1, 3, 10**9, 10**40),
    ("network", "options"): ([], None, {"widths": []}, {"widths": 4}, {"widths": [4] * 17}),
    ("network", "options", "widths"): (
        [0, 8], [-1, 8], [4.5, 8], ["4", 8], [True, 8], [4, 10**9], [4, 10**40], [[4], None],
    ),
    ("network", "options", "dropout"): (1e300, 10**9),
    ("network", "options", "strides"): ([0], [[0, 2, 2]], [-2], ["2"]),
    ("plan", "spacing_mm", 0): (0, -1, 1e-9, 1e9, "1", True, None),
    ("plan", "spacing_mm"): ([1.0, 1.0], [], [1.0] * 4),
    ("plan", "image_dims"): (2, 4, "3", 3.0),
    ("plan", "spatial_dims"): (2, 1),
    ("plan", "slice_axis"): (0, 3, -1),
    ("plan", "orientation"): ("LPS", "ras"),
    ("plan", "interpolation"): ("nearest", None),
    ("plan", "crop"): (0, 1, "false", None),
    ("plan", "channels"): ([], None, {}),
    ("plan", "channels", 0, "sd"): (0, -1, 1e-40, 1e300, None, "20"),
    ("plan", "channels", 0, "mean"): (None, 1e300, "50"),
    ("plan", "channels", 0, "lower"): (300, 301, None, -1e300),
    ("plan", "channels", 0, "upper"): (-100, None, 1e300),
    ("plan", "channels", 0, "scheme"): ("mask", "CT", None, "zscores"),
    ("plan", "channels", 0, "nonzero_only"): (True, 0, "no"),
    ("file_ending",): (None, 3),
}  # fmt: skip


@pytest.mark.parametrize("path", NUMBERS, ids=lambda path: "-".join(map(str, path)))
def test_values_that_cannot_be_meant_are_refused(whole, check, path):
    for value in NUMBERS[path]:
        check(changed(whole[1], path, value))


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999"])
def test_what_is_no_number_is_refused(whole, tmp_path, text):
    facts = json.dumps(changed(whole[1], ("plan", "spacing_mm", 0), "HERE"))
    (tmp_path / "model.json").write_text(facts.replace('"HERE"', text))
    with pytest.raises(InputError, match="cannot be read as JSON"):
        read_spec(tmp_path)


def test_a_network_far_larger_than_its_weights_takes_no_memory(whole, tmp_path):
    folder, facts = whole
    (tmp_path / "weights_best.safetensors").write_bytes(
        (folder / "weights_best.safetensors").read_bytes()
    )
    options = facts["network"]["options"] | {"widths": [60_000] * 8}  # a few terabytes
    (tmp_path / "model.json").write_text(
        json.dumps(facts | {"network": facts["network"] | {"options": options}})
    )
    with pytest.raises(InputError, match="does not fit the network"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    "options",
    [{"widths": [4]}, {"widths": [4, 8], "strides": [[2, 2]]}, {"widths": [4, 8], "norm": 3},
     {"widths": [4, 8], "dropout": -2}, {"widths": [4, 8], "dropout": "a"},
     {"widths": [4, 8], "activation": []}, {"widths": [4, 8], "strides": [2, 2]}, {"a": None}],
    ids=["one-level", "stride-2d", "norm", "dropout", "dropout-text", "activation", "strides",
         "unknown"],
)  # fmt: skip
def test_whatever_a_network_cannot_be_built_with_is_the_files_fault(whole, tmp_path, options):
    _, facts = whole
    facts = facts | {"network": facts["network"] | {"options": options}}
    (tmp_path / "model.json").write_text(json.dumps(facts))
    (tmp_path / "weights_best.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match=r"model\.json: cannot build the network"):
        load_model(tmp_path)


def test_a_model_file_that_is_no_file_is_refused(tmp_path):
    (tmp_path / "model.json").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        load_model(tmp_path)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InputError, match=r"loop/model\.json: cannot be read"):
        load_model(tmp_path / "loop")
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "model.json")
    with pytest.raises(InputError, match="no regular file"):
        load_model(tmp_path / "pipe")
    with pytest.raises(InputError, match="too long"):
        load_model(tmp_path / ("n" * 300))


def test_weights_of_a_name_that_no_file_can_have_are_not_there(whole):
    with pytest.raises(InputError, match="no such weights; there are best"):
        load_model(whole[0], weights="n" * 300)


def test_what_could_not_be_read_back_is_not_written(whole, tmp_path):
    model = load_model(whole[0])
    spec = model.spec.model_copy(update={"labels": {"background": 1, "lesion": 0}})
    with pytest.raises(InputError, match="background must be 0"):
        save_model(tmp_path / "new", spec, model.net)
    assert not (tmp_path / "new").exists()
    with pytest.raises(ValidationError):
        ModelSpec.model_validate(spec.model_dump())
