"""plans.json and dataset.json of nnU-Net: what they say, and what is refused."""

import pytest

from segscope.errors import InputError
from segscope.inference.foreign.nnunet_plans import read_description
from tests.inference.foreign.results_folder import DATASET, plans, rewrite


def described(folder, said=None, dataset=None, name="tiny"):
    rewrite(folder, "plans.json", said or plans())
    rewrite(folder, "dataset.json", dataset or DATASET)
    return read_description(folder, name)


def test_labels_and_heads(tmp_path):
    found = described(tmp_path)
    assert (found.labels, found.regions, found.heads) == (DATASET["labels"], {}, 3)
    ignoring = described(
        tmp_path, dataset={**DATASET, "labels": {**DATASET["labels"], "ignore": 3}}
    )
    assert (ignoring.heads, ignoring.ignore) == (3, 3)


def test_regions_are_written_in_their_own_order(tmp_path):
    labels = {"background": 0, "whole": [1, 2], "core": [2], "ignore": 3}
    found = described(
        tmp_path, dataset={**DATASET, "labels": labels, "regions_class_order": [2, 1]}
    )
    assert found.labels == {"background": 0, "whole": 2, "core": 1}
    assert found.regions == {"whole": (1, 2), "core": (2,)}
    assert found.heads == 2


def test_a_configuration_inherits_and_replaces(tmp_path):
    said = plans()
    said["configurations"]["child"] = {"inherits_from": "tiny", "patch_size": [16, 16, 16]}
    found = described(tmp_path, said, name="child").configuration
    assert (found.patch_size, found.spacing) == ((16, 16, 16), (1.0, 1.0, 1.0))


def test_older_names_are_read(tmp_path):
    said = plans(normalization_schemes=["CTNormalization"])
    key = "foreground_intensity_properties_"
    said[f"{key}by_modality"] = said.pop(f"{key}per_channel")
    dataset = {key: value for key, value in DATASET.items() if key != "channel_names"}
    found = described(tmp_path, said, {**dataset, "modality": {"0": "CT"}})
    assert (found.channel_names, found.intensities[0].mean) == (("CT",), 40)


def circle(said):
    said["configurations"]["tiny"]["inherits_from"] = "other"
    said["configurations"]["other"] = {"inherits_from": "tiny"}


def without(key):
    return lambda said: said.pop(key)


def config(**values):
    return lambda said: said["configurations"]["tiny"].update(values)


@pytest.mark.parametrize(("change", "said"), [
    (circle, "in a circle"),
    (config(previous_stage="3d_lowres"), "second stage of a cascade"),
    (config(preprocessor_name="os.system"), "preprocessor_name os.system is not known"),
    (config(patch_size=[8, 8]), "do not fit each other"),
    (config(spacing=[1, 0, 1]), "must be above 0"),
    (config(normalization_schemes=["ZScoreNormalization"] * 2), "normalises 2 channels"),
    (config(inherits_from="lost"), "no configuration lost"),
    (without("transpose_forward"), "transpose_forward: Field required"),
    (lambda said: said.update(transpose_forward=[0, 2, 1, 1]), "transpose_forward"),
    (lambda said: said.update(transpose_forward=[1, 2, 0]), "not inverse orders"),
])  # fmt: skip
def test_plans_that_cannot_be_followed_are_refused(change, said, tmp_path):
    found = plans()
    change(found)
    with pytest.raises(InputError, match=rf"(?s)plans\.json: .*{said}"):
        described(tmp_path, found)


def test_ct_needs_its_intensities(tmp_path):
    found = plans(normalization_schemes=["CTNormalization"])
    found["foreground_intensity_properties_per_channel"] = {}
    with pytest.raises(InputError, match="no foreground intensities of channel 0"):
        described(tmp_path, found)


@pytest.mark.parametrize(("values", "said"), [
    ({"labels": {"background": 0, "a": 2}}, "each once"),
    ({"labels": {"a": 1}}, "background 0"),
    ({"labels": {"background": 0, "a": 1, "ignore": 5}}, "must be the highest, 2"),
    ({"labels": {"background": 0, "a": [1, 2]}}, "regions_class_order None"),
    ({"labels": {"background": 0, "a": [1, 2]}, "regions_class_order": [-1]}, "names -1"),
    ({"channel_names": {"1": "MR"}}, "must be numbered"),
])  # fmt: skip
def test_datasets_that_contradict_themselves_are_refused(values, said, tmp_path):
    with pytest.raises(InputError, match=rf"dataset\.json: .*{said}"):
        described(tmp_path, dataset={**DATASET, **values})
