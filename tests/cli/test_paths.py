"""Paths on the command line: what is no file, or cannot be one, is bad input, at once."""

import json
import os
import signal

import pytest

from segscope.cli.main import main
from segscope.inference import save_model
from tests.corpus import write_dataset
from tests.inference.nets import random_model
from tests.test_paths import bad_path

KINDS = ["pipe", "loop", "socket", "too long", "under a file", "device"]
COMMANDS = {
    "inspect": ("data inspect BAD", ".nii.gz", KINDS),
    "inspect a plane": ("data inspect BAD", ".png", KINDS),
    "inspect a label": ("data inspect --label BAD", ".nrrd", KINDS),
    "check": ("data check BAD", "", KINDS),
    "check into": ("data check DATA -o BAD", ".json", [k for k in KINDS if k != "loop"]),
    "predict by": ("predict BAD -i IMAGE -o OUT", "", KINDS),
    "predict": ("predict RUN -i BAD -o OUT", ".nii.gz", KINDS),
    "predict into": ("predict RUN -i IMAGE -o BAD", "", [k for k in KINDS if k != "loop"]),
    "evaluate": ("evaluate BAD LABEL -o OUT", ".nii.gz", KINDS),
    "evaluate against": ("evaluate LABEL BAD -o OUT", ".nii.gz", KINDS),
    "evaluate into": ("evaluate LABEL LABEL -o BAD", "", KINDS),
    "evaluate labels of": ("evaluate LABEL LABEL -o OUT -d BAD", "", KINDS),
    "audit": ("audit RUN -i BAD -o OUT", ".nii.gz", KINDS),
    "audit into": ("audit RUN -i DATA -o BAD", "", KINDS),
    "report": ("report BAD -o OUT", "", KINDS),
    "report of": ("report RUN --audit BAD -o OUT", "", KINDS),
    "train on": ("train BAD -o OUT", "", KINDS),
    "maps": ("cam RUN -i BAD -o OUT", ".nii.gz", KINDS),
    "maps into": ("cam RUN -i DATA -o BAD", "", KINDS),
    "quality": ("quality RUN -i BAD", ".nii.gz", KINDS),
    "masks": ("data masks -i BAD -o OUT", ".nii.gz", KINDS),
    "masks into": ("data masks -i DATA -o BAD", "", KINDS),
    "regions": ("data rois BAD -o OUT", "", KINDS),
    "train with": ("train DATA -o OUT --cache BAD", "", KINDS),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paths")
    write_dataset(folder / "data", ".nii.gz", cases=2)
    model = random_model(3, widths=(4, 6), patch=(16,) * 3, channels=[{"name": "MR"}])
    labels = {"background": 0, "ball": 1}
    spec = model.spec.model_copy(update={"labels": labels, "channel_names": ("MR",)})
    save_model(folder / "run", spec, model.net)
    return folder


def call(capsys, *words):
    def late(*_):
        raise KeyboardInterrupt("waited for what is no file")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    try:
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return ended.value.code, capsys.readouterr()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
@pytest.mark.parametrize("command", COMMANDS)
def test_it_ends_at_once_with_one_line_and_exit_code_2(place, tmp_path, capsys, command):
    template, ending, kinds = COMMANDS[command]
    named = {
        "DATA": place / "data",
        "RUN": place / "run",
        "IMAGE": place / "data" / "imagesTr" / "c0_0000.nii.gz",
        "LABEL": place / "data" / "labelsTr" / "c0.nii.gz",
        "OUT": tmp_path / "out",
    }
    for kind in kinds:
        folder = tmp_path / kind
        folder.mkdir()
        words = template.split()
        if kind == "device" and "-o" in words and words[words.index("-o") + 1] == "BAD":
            continue  # nothing shall ever try to write there
        bad = bad_path(folder, kind, ending)
        code, said = call(
            capsys, *[bad if word == "BAD" else named.get(word, word) for word in words]
        )
        assert code == 2, (kind, said)
        assert "defect" not in said.err
        assert "Errno" not in said.err
        assert len(said.err.strip().splitlines()) == 1, (kind, said.err)
        assert str(bad) in said.err
        assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
@pytest.mark.parametrize("part", ["imagesTr/c1_0000.nii.gz", "labelsTr/c1.nii.gz", "dataset.json"])
@pytest.mark.parametrize("kind", ["pipe", "loop", "dangling", "folder", "socket"])
def test_a_dataset_with_what_is_no_file_is_refused(tmp_path, capsys, part, kind):
    folder = write_dataset(tmp_path / "data", ".nii.gz", cases=2)
    (folder / part).unlink()
    made = bad_path(tmp_path, kind, "")
    made.rename(folder / part) if kind != "loop" else os.symlink(
        (folder / part).name, folder / part
    )
    code, said = call(capsys, "data", "check", folder, "--json")
    assert code == 2
    report = json.loads(said.out)
    assert report["problems"]
    assert said.err == ""


def test_a_name_of_bytes_that_are_no_text_can_be_printed(place, tmp_path, capsys):
    source = place / "data" / "imagesTr" / "c0_0000.nii.gz"
    path = tmp_path / os.fsdecode(b"a\xff.nii.gz")
    path.write_bytes(source.read_bytes())
    code, _ = call(capsys, "data", "inspect", path, "--json")
    assert code == 0


def test_a_nul_in_an_argument_is_bad_input(capsys):
    code, said = call(capsys, "data", "inspect", "a\0b.nii.gz")
    assert code == 2
    assert "NUL" in said.err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
def test_a_pipe_in_place_of_a_manifest_is_not_waited_for(place, tmp_path, capsys):
    for folder in ("in", "out"):
        (tmp_path / folder).mkdir()
        os.mkfifo(tmp_path / folder / "manifest.json")
    (tmp_path / "in" / "c0_0000.nii.gz").symlink_to(place / "data/imagesTr/c0_0000.nii.gz")
    words = ["predict", place / "run", "-i", tmp_path / "in", "-o"]
    code, said = call(capsys, *words, tmp_path / "out")
    assert code == 2
    assert "manifest.json: is a named pipe" in said.err
    assert call(capsys, *words, tmp_path / "new", "--anyway")[0] == 0


@pytest.mark.parametrize(
    "words",
    [
        ["data", "check", ""],
        ["predict", "r", "-i", "", "-o", "o"],
        ["data", "check", "d", "--output="],
    ],
    ids=["argument", "option", "option with an equals sign"],
)
def test_an_empty_argument_does_not_name_this_folder(capsys, words):
    code, said = call(capsys, *words)
    assert code == 2
    assert "an argument is empty" in said.err


def test_folders_of_a_report_are_made(place, tmp_path, capsys):
    file = tmp_path / "new" / "folder" / "report.json"
    assert call(capsys, "data", "check", place / "data", "-o", file)[0] == 0
    assert json.loads(file.read_text())["problems"] == []


def test_one_dicom_file_is_answered_with_its_folder(place, tmp_path, capsys):
    (tmp_path / "a.dcm").write_bytes(b"x")
    code, said = call(
        capsys, "predict", place / "run", "-i", tmp_path / "a.dcm", "-o", tmp_path / "o"
    )
    assert code == 2
    assert "name the folder of its DICOM series" in said.err


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of POSIX")
@pytest.mark.parametrize(
    "command",
    [
        "cam RUN -i IMAGE -o BAD/new",
        "audit RUN -i IMAGE -o BAD/new",
        "evaluate LABEL LABEL -o BAD/new",
    ],
    ids=["cam", "audit", "evaluate"],
)
def test_where_nobody_may_write_is_said_in_one_line(place, tmp_path, capsys, monkeypatch, command):
    bad = tmp_path / "kept"
    bad.mkdir()
    mkdir, access = os.mkdir, os.access

    def refuse(path, *rest, **more):  # as the system does to all but its owner
        if str(path).startswith(str(bad)):
            raise PermissionError(13, "Permission denied", str(path))
        return mkdir(path, *rest, **more)

    monkeypatch.setattr(os, "mkdir", refuse)
    monkeypatch.setattr(os, "access", lambda path, mode: path != bad and access(path, mode))
    named = {
        "RUN": place / "run",
        "IMAGE": place / "data" / "imagesTr" / "c0_0000.nii.gz",
        "LABEL": place / "data" / "labelsTr" / "c0.nii.gz",
        "BAD/new": bad / "new",
    }
    code, said = call(capsys, *[named.get(word, word) for word in command.split()])
    assert code == 1
    assert "defect" not in said.err
    assert "Errno" not in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert str(bad / "new") in said.err
