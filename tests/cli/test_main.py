"""The program: help, version, and what is no option."""

import json
import subprocess
import sys

import pytest

from tests.commands import call

COMMANDS = [
    [],
    ["demo"],
    ["data"],
    ["data", "inspect"],
    ["data", "check"],
    ["train"],
    ["predict"],
    ["evaluate"],
    ["prune"],
    ["study"],
    ["study", "anunet"],
    ["study", "protoseg"],
    ["study", "siamese"],
    ["audit"],
    ["quality"],
    ["report"],
    ["cam"],
    ["info"],
]


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_explains_itself(capsys, words):
    code, out, _ = call(capsys, *words, "--help")
    assert code == 0
    assert "Usage" in out
    if words and words[-1] not in ("data", "study"):
        assert "Example: segscope" in " ".join(out.split())


def test_help_does_not_wait_for_torch():
    script = (
        "import sys\nfrom segscope.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "sys.exit('torch' in sys.modules or 'monai' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], stdout=subprocess.DEVNULL).returncode == 0


def test_the_version_is_printed(capsys):
    code, out, _ = call(capsys, "--version")
    assert code == 0
    assert out.count(".") == 2


def test_the_package_runs_as_a_module():
    words = [sys.executable, "-m", "segscope", "info", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["executable"] == sys.executable
