"""``dataset.json``: every key is used, known to do no harm, or said; labels are what they say."""

import os

import pytest

from segscope.data import open_dataset
from tests.data.volumes_made import change, refused, warned
from tests.synthetic import write_plane_dataset, write_volume_dataset


@pytest.fixture
def volumes(tmp_path):
    return write_volume_dataset(tmp_path / "data", cases=3, shape=(5, 6, 7))


CHANNELS = {
    "a list": (["T1"], r"channel_names is \['T1'\]"),
    "from one": ({"1": "T1"}, r"keys \['1'\], expected \['0'\]"),
    "a number twice": ({"0": "T1", "0 ": "T2"}, "without gaps"),
    "turned": ({"T1": 0}, r"keys \['T1'\]"),
    "a number as name": ({"0": 1}, "has the name 1"),
    "no name": ({"0": " "}, "has the name ' '"),
    "a line break": ({"0": "T\n1"}, "has the name"),
    "empty": ({}, "channel_names is {}"),
}


@pytest.mark.parametrize(("names", "words"), CHANNELS.values(), ids=CHANNELS)
def test_channels_without_number_or_name_are_refused(volumes, names, words):
    change(volumes, channel_names=names)
    refused(volumes, words)


def test_blanks_around_a_channel_do_not_count(volumes):
    change(volumes, channel_names={"0 ": " CT "})
    assert open_dataset(volumes).channel_names == ("CT",)
    assert "' CT '" in warned(volumes)


NEARLY = {
    "a scan": ("CT scan", "CT"),
    "a number": ("CT1", "CT"),
    "venous": ("ct_venous", "CT"),
    "in full": ("Computed tomography", "CT"),
    "no norm": ("no_norm", "noNorm"),
    "rescale": ("rescaleTo01", "rescale_to_0_1"),
    "rgb": ("rgb-to-0-1", "rgb_to_0_1"),
}


@pytest.mark.parametrize(("name", "close"), NEARLY.values(), ids=NEARLY)
def test_names_that_nearly_mean_a_normalisation_are_said(volumes, name, close):
    change(volumes, channel_names={"0": name})
    said = warned(volumes)
    assert f"named {name!r}, which is not {close}" in said
    assert "z-score" in said


@pytest.mark.parametrize("name", ["CT", "nonorm", "T1", "ADC", "PET", "FLAIR", "direct", "octet"])
def test_other_names_are_taken_quietly(volumes, name):
    change(volumes, channel_names={"0": name})
    assert warned(volumes) == ""


def test_two_channels_of_one_name_are_said_unless_the_name_is_a_normalisation(tmp_path):
    folder = write_plane_dataset(tmp_path / "data", cases=2, shape=(5, 6))
    change(folder, channel_names={"0": "R", "1": "G", "2": "g "})
    assert "several channels are named 'g'" in warned(folder)
    change(folder, channel_names=dict.fromkeys("012", "rgb_to_0_1"))
    assert warned(folder) == ""


FILES = {
    "a key twice": (b'{"labels": {}, "labels": {}}', "gives 'labels' twice"),
    "a label twice": (b'{"labels": {"a": 0, "a": 1}}', "gives 'a' twice"),
    "not a number": (b'{"numTraining": NaN}', "it holds NaN"),
    "infinity": (b'{"numTraining": -Infinity}', "it holds -Infinity"),
    "digits without end": (b'{"numTraining": ' + b"9" * 5000 + b"}", "is not JSON"),
    "half a character": (b'{"labels": {"\\ud800": 0}}', "is not JSON"),
    "wide characters": ('{"a": 1}'.encode("utf-16"), "not UTF-8; UTF-16"),
    "wide characters without mark": ('{"a": 1}'.encode("utf-16-le"), "not UTF-8; UTF-16"),
    "nothing": (b"", "is not JSON"),
    "a cut": (b'{"labels": {"a": 0', "is not JSON"),
    "a number": (b"3", "holds a int"),
    "too deep": (b"[" * 100_000, "is not JSON"),
}


@pytest.mark.parametrize(("content", "words"), FILES.values(), ids=FILES)
def test_files_that_are_no_description_are_named(volumes, content, words):
    (volumes / "dataset.json").write_bytes(content)
    refused(volumes, f"dataset.json: .*{words}")


def test_a_byte_order_mark_does_no_harm(volumes):
    file = volumes / "dataset.json"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert len(open_dataset(volumes).training) == 3


PLACES = {
    "a folder": (lambda file: file.mkdir(), "is a folder"),
    "a pipe": (lambda file: os.mkfifo(file), "is no regular file"),
    "a link to nowhere": (
        lambda file: file.symlink_to("gone"),
        "is a link to a file that is not there",
    ),
    "a link to itself": (lambda file: file.symlink_to(file.name), "cannot be opened"),
}


@pytest.mark.parametrize("name", ["dataset.json", "cases.csv"])
@pytest.mark.parametrize(("make", "words"), PLACES.values(), ids=PLACES)
def test_what_is_no_file_is_said_at_once(volumes, name, make, words):
    (volumes / name).unlink(missing_ok=True)
    make(volumes / name)
    refused(volumes, f"{name}: {words}")


ENDINGS = {
    "no dot": ("png", 'write ".png"'),
    "no dot and blanks": (" nii.gz ", 'write ".nii.gz"'),
    "half": (".gz", 'write e.g. ".nii.gz"'),
    "a list": ([".png"], "is not a kind of file"),
    "nothing": ("", "is not a kind of file"),
}


@pytest.mark.parametrize(("ending", "words"), ENDINGS.values(), ids=ENDINGS)
def test_endings_that_are_none_are_refused(volumes, ending, words):
    change(volumes, file_ending=ending)
    refused(volumes, words)
