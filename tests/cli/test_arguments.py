"""Wrong arguments are told before anything heavy is loaded; so is help. No clock is asked."""

import json
import subprocess
import sys

import pytest
import typer

from segscope.cli.main import app
from segscope.metrics import evaluate_folders
from segscope.studies.declared import read_budgets
from segscope.workflows.evaluate import CONVENTIONS, EMPTY

STUDIES = ("compare-networks", "layer-ability", "compare-losses", "learning-curve",
           "masks-from-classifiers")  # fmt: skip
TRAINED = [["none", "-o", "o"], ["data", "-o", "o", "--set", "x"]]

# run has a model.json, cls a classifier.json, data a dataset.json; empty is a folder, none is not
WRONG = {
    "demo": [["-o", "run"], ["-o", "o", "--data", "none"]],
    "info": [["x"]],
    "train": [*TRAINED, ["empty", "-o", "o"], ["data", "-o", "o", "--device", "gpu"]],
    "prune": [["none", "-o", "o"], ["run", "-o", "o"]],
    "predict": [["none", "-i", "empty", "-o", "o"], ["run", "-i", "none", "-o", "o"],
                ["run", "-i", "empty", "-o", "run/model.json"],
                ["run", "-i", "empty", "-o", "o", "--device", "gpu"],
                ["run", "-i", "empty", "-o", "o", "--level", "two"],
                ["run", "-i", "empty", "-o", "o", "--masks", "none"],
                ["run", "-i", "empty", "-o", "o", "--overlap", "7"]],
    "evaluate": [["none", "empty", "-o", "o"], ["empty", "none", "-o", "o"],
                 ["empty", "empty", "-o", "o", "--convention", "x"],
                 ["empty", "empty", "-o", "o", "--empty", "x"]],
    "report": [["none"], ["empty"]],
    "export": [["none", "-o", "o"], ["empty", "-o", "o"]],
    "model inspect": [["none"]],
    "audit": [["none", "-i", "data", "-o", "o"], ["run", "-i", "none", "-o", "o"],
              ["run", "-i", "data", "-o", "run"], ["--model", "x", "-i", "data", "-o", "o"],
              ["run", "-i", "data", "-o", "o", "--cases", "some"],
              ["run", "-i", "data", "-o", "o", "--truth", "none"]],
    "quality": [["none", "-i", "data"], ["run", "-i", "none"],
                ["run", "-i", "data", "--method", "guess"],
                ["run", "-i", "data", "--calibrate", "none"],
                ["run", "-i", "data", "--device", "gpu"]],
    "cam": [["none", "-i", "empty", "-o", "o"], ["cls", "-i", "none", "-o", "o"],
            ["run", "-i", "none", "-o", "o"], ["run", "-i", "empty", "-o", "run"]],
    "compare": [*TRAINED, ["empty", "-o", "o"], ["data", "-o", "o", "--budget", "years"]],
    "data inspect": [["none"]],
    "data check": [["none"], ["data", "-o", "empty"]],
    "data convert": [[], ["none", "-o", "o"]],
    "data export": [["none", "-o", "o", "--to", "bids"]],
    "data masks": [["-i", "none", "-o", "o"], ["-i", "empty", "-o", "o", "--device", "gpu"]],
    "data prepare": TRAINED,
    "data rois": [["none", "-o", "o"], ["data", "-o", "o", "--normals", "x"]],
    "classify train": TRAINED,
    "classify predict": [["none", "-i", "empty", "-o", "o"], ["cls", "-i", "none", "-o", "o"],
                         ["cls", "-i", "empty", "-o", "o", "--device", "gpu"]],
    "recipe list": [["x"]],
    "recipe show": [[]],
    "recipe keys": [["a", "b"]],
    "recipe schema": [["x"]],
    **{f"study {n}": [*TRAINED, ["data", "-o", "o", "--budget", "years"]] for n in STUDIES},
}  # fmt: skip

# every call is a fork of its own of a process that has loaded the commands, and nothing else
CALLS = """
import json, os, sys
from segscope.cli.main import main

found = []
for words in json.loads(sys.stdin.read()):
    ours, theirs = os.pipe()
    if not os.fork():
        sys.stdout = sys.stderr = open(theirs, "w")
        try:
            code = main(words)
        except SystemExit as ended:
            code = ended.code
        sys.stdout.flush()
        heavy = [m for m in ("torch", "monai", "matplotlib", "ray") if m in sys.modules]
        os.write(theirs, ("\\n" + json.dumps([code, heavy, "numpy" in sys.modules])).encode())
        os._exit(0)
    os.close(theirs)
    with open(ours) as answer:
        text, _, facts = answer.read().rpartition("\\n")
    found.append([words, text, *json.loads(facts)])
    os.wait()
print(json.dumps(found))
"""


def calls(folder, words):
    done = subprocess.run([sys.executable, "-c", CALLS], input=json.dumps(words), cwd=folder,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def place(tmp_path):
    for name, file in (("run", "model.json"), ("cls", "classifier.json"), ("data", "dataset.json")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text("{}")
    (tmp_path / "empty").mkdir()
    return tmp_path


def commands():
    """Every command by its words; an alias is the same command."""
    found = {}

    def walk(command, words):
        for name, one in getattr(command, "commands", {}).items():
            walk(one, [*words, name])
        if not hasattr(command, "commands") and not command.hidden:
            found[" ".join(words)] = command

    walk(typer.main.get_command(app), [])
    return found


def test_every_command_tells_wrong_arguments_before_torch_is_loaded(place):
    assert set(WRONG) == set(commands())
    asked = [[*name.split(), *words] for name, rows in WRONG.items() for words in rows]
    before = {f.relative_to(place) for f in place.rglob("*")}
    for words, text, code, heavy, _ in calls(place, asked):
        assert (code, heavy) == (2, []), (words, text)
        assert "Traceback" not in text
    assert {f.relative_to(place) for f in place.rglob("*")} == before


def test_every_commands_help_loads_no_arrays(tmp_path):
    asked = [["--help"], *([*name.split(), "--help"] for name in commands())]
    for words, text, code, heavy, arrays in calls(tmp_path, asked):
        assert (code, heavy, arrays) == (0, [], False), words
        assert "Usage" in text


def test_choices_are_those_of_who_does_the_work(tmp_path):
    for convention in CONVENTIONS:
        with pytest.raises(ValueError, match="no such file or folder"):
            evaluate_folders(tmp_path / "p", tmp_path / "t", read=None, convention=convention)
    for empty in EMPTY:
        with pytest.raises(ValueError, match="no such file or folder"):
            evaluate_folders(tmp_path / "p", tmp_path / "t", read=None, empty=empty)
    for name in ("anunet", "protoseg", "siamese", "gbm", "cam"):
        assert list(read_budgets(name)) == ["minutes", "hours", "paper"]
