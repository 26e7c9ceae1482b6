"""``dataset.json``: every key is used, known to do no harm, or said; labels are what they say."""

import json
import os

import pytest

from segscope.data import check_dataset, find_cases, open_dataset
from segscope.data.description_keys import KEYS
from segscope.errors import InputError
from tests.synthetic import write_plane_dataset, write_volume_dataset


@pytest.fixture
def volumes(tmp_path):
    return write_volume_dataset(tmp_path / "data", cases=3, shape=(5, 6, 7))


def change(folder, **facts):
    file = folder / "dataset.json"
    known = json.loads(file.read_text()) | facts
    file.write_text(json.dumps({k: v for k, v in known.items() if v is not None}))


def warned(folder):
    return "\n".join(map(str, open_dataset(folder).warnings))


def refused(folder, words):
    with pytest.raises(InputError, match=words):
        open_dataset(folder)


LABELS = {
    "background is not zero": ({"lesion": 0, "background": 1}, "gives background the value 1"),
    "background is last": ({"a": 0, "b": 1, "Background": 2}, "the value 2, and 0 is 'a'"),
    "background from one": ({"background": 1, "a": 2}, "the value 1, and 0 is no label's"),
    "zero has another name": ({"bg": 0, "a": 1}, "calls 0 'bg'"),
    "background in version 1": ({"0": "a", "1": "background"}, "gives background the value 1"),
    "no name": ({"": 0, "a": 1}, "has the name ''"),
    "a blank name": ({"background": 0, " \u200b": 1}, "has the name"),
    "a line break": ({"background": 0, "a\nb": 1}, "has the name"),
    "blanks apart": ({"background": 0, "a": 1, " a": 2}, "'a' and ' a', which cannot be told"),
    "capitals apart": ({"background": 0, "a": 1, "A": 2}, "cannot be told apart"),
    "zero width apart": ({"background": 0, "ab": 1, "a\u200bb": 2}, "cannot be told apart"),
    "a name twice in version 1": ({"0": "background", "1": "a", "2": "a"}, "cannot be told"),
    "a value twice": ({"background": 0, "a": 1, "b": 1}, "without gaps"),
    "a value twice in version 1": ({"0": "background", "00": "a"}, "without gaps"),
    "mixed versions": ({"0": "background", "a": 1}, "mixes names of numbers"),
    "capital ignore": ({"background": 0, "a": 1, "Ignore": 2}, "'ignore' label"),
    "blank ignore": ({"background": 0, "a": 1, " ignore ": 2}, "'ignore' label"),
    "negative": ({"background": 0, "a": -1}, "not whole numbers"),
    "negative text": ({"background": 0, "a": "-1"}, "not whole numbers"),
    "a fraction of nothing": ({"background": 0, "a": 1.0}, "not whole numbers"),
    "truth": ({"background": False, "a": True}, "not whole numbers"),
    "digits of other scripts": ({"background": 0, "a": "\u0661"}, "not whole numbers"),
    "huge": ({"background": 0, "a": 10**300}, "not whole numbers"),
    "huge text": ({"background": 0, "a": "9" * 5000}, "not whole numbers"),
    "nested": ({"background": 0, "a": {"value": 1}}, "not whole numbers"),
    "nothing": ({"background": 0, "a": None}, "not whole numbers"),
    "regions": ({"background": 0, "a": [1]}, "are regions"),
    "a list": (["background", "a"], "labels is"),
}


@pytest.mark.parametrize(("labels", "words"), LABELS.values(), ids=LABELS)
def test_labels_that_are_not_what_they_say_are_refused(volumes, labels, words):
    change(volumes, labels=labels)
    refused(volumes, words)


UNDERSTOOD = {
    "a capital": {"Background": 0, "a": 1},
    "blanks": {" background\t": 0, "\ufeffa ": 1},
    "texts": {"background": "0", "a": " 1"},
    "version 1": {"0": "background", "1": "a"},
    "version 1 with blanks": {" 1": "a", "0 ": "BACKGROUND"},
}


@pytest.mark.parametrize("labels", UNDERSTOOD.values(), ids=UNDERSTOOD)
def test_ways_to_write_labels(volumes, labels):
    change(volumes, labels=labels)
    assert list(open_dataset(volumes).labels.items()) == [("background", 0), ("a", 1)]


def test_names_that_are_numbers_are_names(volumes):
    change(volumes, labels={"background": 0, "1": 1, "2": 2})
    assert open_dataset(volumes).labels == {"background": 0, "1": 1, "2": 2}


def test_blanks_that_were_left_out_are_said(volumes):
    assert "blanks" not in warned(volumes)
    change(volumes, labels={"background": 0, "ball": 1, "core ": 2})
    assert "blanks around names are left out: 'core '" in warned(volumes)


MAPPINGS = {
    "a value twice": ({"255": 1, "0255": 2}, "gives a value twice"),
    "to no label": ({"255": 7}, r"leads to \[7\]"),
    "to truth": ({"255": True}, "label_mapping is"),
    "from a name": ({"lesion": 1}, "label_mapping is"),
    "from digits of other scripts": ({"\u0662": 1}, "label_mapping is"),
    "from a huge number": ({"9" * 5000: 1}, "label_mapping is"),
    "a list": ([255, 1], "label_mapping is"),
}


@pytest.mark.parametrize(("mapping", "words"), MAPPINGS.values(), ids=MAPPINGS)
def test_mappings_that_lead_nowhere_are_refused(volumes, mapping, words):
    change(volumes, label_mapping=mapping)
    refused(volumes, words)


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


def listed(folder, **more):
    """The dataset's files moved elsewhere under names of their own, listed in its description."""
    cases = {}
    for k in range(3):
        place = folder / "raw" / f"pat{k}"
        place.mkdir(parents=True)
        (folder / "imagesTr" / f"c{k}_0000.nii.gz").rename(place / "t1.nii.gz")
        (folder / "labelsTr" / f"c{k}.nii.gz").rename(place / "mask.nii.gz")
        cases[f"p{k}"] = {
            "images": [f"raw/pat{k}/t1.nii.gz"],
            "label": f"./raw/pat{k}/../pat{k}/mask.nii.gz",
        }
    change(folder, dataset={**cases, **more})
    return cases


def test_the_key_dataset_decides_which_cases_there_are(volumes):
    cases = listed(volumes)
    del cases["p1"]
    change(volumes, dataset=cases, numTraining=2)
    dataset = open_dataset(volumes)
    assert [case.name for case in dataset.training] == ["p0", "p2"]
    assert dataset.training[1].image_files == (volumes / "raw" / "pat2" / "t1.nii.gz",)
    assert dataset.truth["p2"] == volumes / "raw" / "pat2" / "mask.nii.gz"
    assert dataset.warnings == ()
    report = check_dataset(volumes)
    assert report.problems == ()
    assert report.fingerprint.cases == ("p0", "p2")
    assert [case.name for case in find_cases(volumes, channels=1)] == ["p0", "p2"]
    change(volumes, numTraining=3)
    assert "numTraining says 3, dataset lists 2" in warned(volumes)


def test_files_that_the_key_dataset_leaves_out_are_said(volumes):
    change(
        volumes,
        numTraining=1,
        dataset={"c0": {"images": ["imagesTr/c0_0000.nii.gz"], "label": "labelsTr/c0.nii.gz"}},
    )
    said = warned(volumes)
    assert "does not list under dataset: c1_0000.nii.gz, c2_0000.nii.gz" in said
    assert "does not list under dataset: c1.nii.gz, c2.nii.gz" in said


def test_absolute_paths_and_variables_are_followed_and_said(volumes, tmp_path, monkeypatch):
    cases = listed(volumes)
    (tmp_path / "away.nii.gz").write_bytes((volumes / "raw/pat0/t1.nii.gz").read_bytes())
    monkeypatch.setenv("SEGSCOPE_TEST_PLACE", str(tmp_path))
    cases["p0"]["images"] = ["$SEGSCOPE_TEST_PLACE/away.nii.gz"]
    cases["p1"]["images"] = [str(volumes / "raw" / "pat1" / "t1.nii.gz")]
    change(volumes, dataset=cases)
    dataset = open_dataset(volumes)
    assert dataset.training[0].image_files == (tmp_path / "away.nii.gz",)
    assert "lists files outside of the folder" in warned(volumes)


def test_a_file_of_two_cases_is_said(volumes):
    cases = listed(volumes)
    change(volumes, dataset={**cases, "p2": cases["p1"]})
    assert "belongs to several cases: p1, p2" in warned(volumes)


ONE = {"images": ["raw/pat0/t1.nii.gz"], "label": "raw/pat0/mask.nii.gz"}
LISTS = {
    "a name": ("brains", "dataset is 'brains'"),
    "empty": ({}, "dataset is {}"),
    "a list": ([ONE], "dataset is"),
    "no label": ({"a": {"images": ["x.nii"]}}, "gives case 'a' the files"),
    "no images": ({"a": {"images": [], "label": "y.nii"}}, "gives case 'a' the files"),
    "one image as text": ({"a": {"images": "x.nii", "label": "y.nii"}}, "gives case 'a'"),
    "an image that is none": ({"a": {"images": [1], "label": "y.nii"}}, "gives case 'a'"),
    "a path as name": ({"../a": ONE}, "case '../a', after which no file"),
    "no name": ({"": ONE}, "case '', after which no file"),
    "a hidden name": ({".a": ONE}, "after which no file"),
    "a long name": ({"a" * 300: ONE}, "after which no file"),
    "a file that is not there": ({"a": {**ONE, "label": "gone.nii.gz"}}, "is missing"),
    "a folder": ({"a": {**ONE, "label": "raw"}}, "is a folder"),
    "an unknown kind": ({"a": {**ONE, "label": "dataset.json"}}, "no kind of image"),
    "too many images": ({"a": {**ONE, "images": [ONE["images"][0], ONE["label"]]}}, "2 images"),
    "its label as image": ({"a": {**ONE, "label": ONE["images"][0]}}, "is image and label"),
    "strokes of another system": ({"a": {**ONE, "label": "raw\\x.nii"}}, 'its path with "/"'),
    "half a path": ({"a": {**ONE, "label": "a\u0000b.nii"}}, "cannot be opened"),
}


@pytest.mark.parametrize(("cases", "words"), LISTS.values(), ids=LISTS)
def test_lists_that_name_no_cases_are_refused(volumes, cases, words):
    listed(volumes)
    change(volumes, dataset=cases)
    refused(volumes, words)


def test_cases_that_are_whole_are_checked_beside_those_that_are_not(volumes):
    cases = listed(volumes)
    (volumes / "raw" / "pat1" / "mask.nii.gz").unlink()
    report = check_dataset(volumes)
    assert [(p.case, p.fault) for p in report.problems] == [
        ("p1", "is missing; dataset.json lists it for case p1")
    ]
    assert report.fingerprint.cases == ("p0", "p2")
    assert len(cases) == 3


def test_an_image_twice_in_a_case_is_refused(volumes):
    listed(volumes)
    change(volumes, channel_names={"0": "a", "1": "b"}, dataset={"a": {**ONE, "images": [
        ONE["images"][0], "./" + ONE["images"][0]]}})  # fmt: skip
    refused(volumes, "lists an image twice")
