"""How commands look in a shell."""

import re
import subprocess
import sys

import pytest

from segscope.cli.main import app, main
from segscope.cli.shell import PANELS, command_of, with_help


def said(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    found = capsys.readouterr()
    return stop.value.code, found.out, found.err


def run(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "segscope", *words], capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin", "COLUMNS": "100", "PYTHONPATH": ":".join(sys.path), **environment},
    )  # fmt: skip


@pytest.mark.parametrize("words", [[], ["data"], ["study"], ["classify"]], ids=str)
def test_no_command_is_help_and_no_fault(capsys, words):
    code, out, err = said(capsys, *words)
    assert (code, err) == (0, "")
    assert " ".join(["Usage: segscope", *words]) in out


def test_a_command_without_its_arguments_is_still_wrong(capsys):
    code, _, err = said(capsys, "train")
    assert code == 2
    assert "Missing" in err


def test_commands_are_grouped_by_task_in_order(capsys):
    _, out, _ = said(capsys)
    heads = re.findall(r"─ (\w+) ─", out)
    assert heads == ["Options", *PANELS]
    begin = out.index("─ Explain ─")
    assert begin < out.index("│ audit ") < out.index("│ quality ") < out.index("│ cam ")


def test_every_command_has_a_panel():
    assert {c.name or c.callback.__name__ for c in app.registered_commands} | {
        g.name for g in app.registered_groups
    } == {name for names in PANELS.values() for name in names}


@pytest.mark.parametrize("words", [[], ["train"], ["data", "check"], ["study", "gbm"]], ids=str)
def test_flags_show_no_type_and_values_do(capsys, words):
    _, out, _ = said(capsys, *words, "--help")
    assert "bool" not in out
    if words:
        assert "<path>" in out


def test_help_is_added_to_groups_alone():
    command = command_of(app)
    assert with_help(command, []) == ["--help"]
    assert with_help(command, ["study"]) == ["study", "--help"]
    assert with_help(command, ["study", "gbm"]) == ["study", "gbm"]
    assert with_help(command, ["nothing"]) == ["nothing"]


def test_no_color_is_respected():
    coloured = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")
    assert coloured.search(run(FORCE_COLOR="1", TERM="xterm-256color").stdout)
    plain = run(FORCE_COLOR="1", TERM="xterm-256color", NO_COLOR="1").stdout
    assert "Train" in plain
    assert not coloured.search(plain)


def test_completion_is_installed_and_completes(tmp_path):
    fixed = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1", "HOME": str(tmp_path)}
    done = run("--install-completion", "bash", **fixed)
    assert done.returncode == 0, done.stderr
    script = tmp_path / ".bash_completions" / "segscope.sh"
    assert "complete -o default -F _segscope_completion segscope" in script.read_text()
    assert str(script) in (tmp_path / ".bashrc").read_text()
    words = {"_SEGSCOPE_COMPLETE": "complete_bash", "COMP_WORDS": "segscope tr", "COMP_CWORD": "1"}
    assert run(**words).stdout.split() == ["train"]
    words |= {"COMP_WORDS": "segscope data ", "COMP_CWORD": "2"}
    assert "convert" in run(**words).stdout.split()
