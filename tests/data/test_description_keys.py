"""Keys of dataset.json: every one has its fate."""

import json

import pytest

from segscope.data.description_keys import KEYS
from tests.data.volumes_made import change, refused, warned
from tests.synthetic import write_volume_dataset


@pytest.fixture
def volumes(tmp_path):
    return write_volume_dataset(tmp_path / "data", cases=3, shape=(5, 6, 7))


KEY_WARNINGS = {
    "truth as number": ({"numTraining": True}, "numTraining is True"),
    "text as number": ({"numTraining": "3"}, "numTraining is '3'"),
    "a fraction as number": ({"numTraining": 3.0}, "numTraining is 3.0"),
    "a negative number": ({"numTraining": -3}, "numTraining says -3, imagesTr has 3"),
    "a name that is none": ({"name": 7}, "name is 7"),
    "a mistyped key": ({"file_endings": ".png"}, "name it file_ending if"),
    "a mistyped capital": ({"Dataset": {}}, "name it dataset if"),
    "an unknown key": ({"hospital": "A"}, "'hospital', which is not known"),
    "order of regions": ({"regions_class_order": [1]}, "regions_class_order is for regions"),
    "two words for channels": ({"modality": {"0": "CT"}}, "channel_names and modality differ"),
    "stacks": ({"overwrite_image_reader_writer": "Tiff3DIO"}, "TIFF is read as planes"),
    "a reader that is none": ({"overwrite_image_reader_writer": 1}, "is 1, no name"),
    "lists that are none": ({"training": 3}, "training is no list of files"),
    "a case that is not there": ({"training": ["./imagesTr/x.nii.gz"]}, "not there: x"),
    "a case that is not listed": (
        {"training": [{"image": "imagesTr/c0.nii.gz", "label": ""}]},
        "does not list cases that are there and are used: c1, c2",
    ),
    "a test case that is not there": ({"test": ["./imagesTs/t.nii.gz"]}, "test lists cases"),
}


@pytest.mark.parametrize(("facts", "words"), KEY_WARNINGS.values(), ids=KEY_WARNINGS)
def test_odd_keys_are_said(volumes, facts, words):
    assert warned(volumes) == ""
    change(volumes, **facts)
    assert words in warned(volumes)


def test_what_nnunet_and_the_decathlon_write_is_taken_quietly(volumes):
    listed = [{"image": f"./imagesTr/c{k}.nii.gz", "label": "x"} for k in range(2)]
    listed.append({"image": "imagesTr/c2_0000.nii.gz", "label": "x"})
    change(
        volumes, name="n", description="d", reference="r", licence="l", license="l", release="1",
        relase="1", tensorImageSize="3D", numTest=0, training=listed, test=[], dataset_name="n",
        overwrite_image_reader_writer="SimpleITKIO", converted_by="me", _comment=["a"],
    )  # fmt: skip
    assert warned(volumes) == ""


def test_every_key_of_nnunet_has_its_fate():
    nnunet = {
        "channel_names", "labels", "numTraining", "file_ending", "overwrite_image_reader_writer",
        "regions_class_order", "dataset", "dataset_name", "reference", "release", "license",
        "licence", "description", "converted_by", "name", "modality", "training", "test",
        "tensorImageSize", "numTest",
    }  # fmt: skip
    assert nnunet <= set(KEYS)


def test_a_key_that_is_missing_because_it_was_mistyped_is_named(volumes):
    facts = json.loads((volumes / "dataset.json").read_text())
    facts["lables"], facts["channel_name"] = facts.pop("labels"), facts.pop("channel_names")
    (volumes / "dataset.json").write_text(json.dumps(facts))
    refused(volumes, "labels is missing, there is 'lables'; name it labels")
    refused(volumes, "channel_names is missing, there is 'channel_name'; name it channel_names")
