"""What holds for the project as a whole: exported names, light imports, files without addresses."""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import segscope

ROOT = Path(__file__).parents[1]
ROOMS = sorted(m.name for m in pkgutil.iter_modules(segscope.__path__, "segscope.") if m.ispkg)


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("room", ROOMS)
def test_every_exported_name_is_there_sorted_and_explained(room):
    module = importlib.import_module(room)
    assert (module.__doc__ or "").strip()
    names = list(getattr(module, "__all__", []))
    assert len(set(names)) == len(names)
    for name in names:
        found = getattr(module, name)
        if inspect.isclass(found) or inspect.isfunction(found):
            assert (found.__doc__ or "").strip(), f"{room}.{name} has no docstring"


def test_importing_segscope_is_light():
    loaded = run("import segscope, sys; print(*sys.modules)")
    assert not {"monai", "matplotlib", "pydicom", "SimpleITK", "lightning_fabric"} & {
        name.partition(".")[0] for name in loaded
    }


@pytest.mark.parametrize(
    "words", [["--help"], ["train", "--help"], ["data", "check", "--help"], ["info", "--json"]]
)
def test_help_needs_no_torch(words):
    code = (
        "import sys, io, contextlib\n"
        "from segscope.cli.main import main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        f"    code = main({words!r})\n"
        "assert code == 0, code\n"
        "print(*sys.modules)"
    )
    assert not {"torch", "numpy", "monai"} & set(run(code))


def test_no_lock_or_code_names_a_registry_or_a_folder_of_one_machine():
    # put together here, so that this file does not hold what it looks for
    forbidden = re.compile(
        "|".join(["--index" + "-url", "/wo" + "rk/", "file" + "://", "/ro" + "ot/"])
    )
    files = [f for f in ROOT.glob("*") if f.suffix in (".md", ".txt", ".toml", ".yml", ".cfg")]
    for folder in ("src", "tests", "benchmarks", "docs", ".ci", ".github"):
        files += [f for f in (ROOT / folder).rglob("*") if f.is_file() and f.suffix != ".png"]
    for file in files:
        if "__pycache__" in file.parts:
            continue
        found = forbidden.search(file.read_text("utf-8"))
        assert found is None, f"{file}: {found}"


def test_locked_requirements_are_exact():
    lines = (ROOT / "requirements-dev.txt").read_text().splitlines()
    packages = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert packages
    assert all(re.match(r"^[A-Za-z0-9_.\-\[\]]+==[^ ]+", line) for line in packages)


@pytest.mark.parametrize(
    "file", sorted((ROOT / "src/segscope/cli").glob("*.py")), ids=lambda f: f.stem
)
def test_commands_parse_call_and_print_in_forty_lines(file):
    for found in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(found, ast.FunctionDef):
            body = found.body[1:] if ast.get_docstring(found) else found.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert lines <= 40, f"{file.name}: {found.name} has {lines} lines below its docstring"


def test_nearly_every_file_has_tests_of_its_own_name():
    source, tests = ROOT / "src/segscope", ROOT / "tests"
    tested = {
        (file.relative_to(tests).parts[0], file.name.removeprefix("test_"))
        for file in tests.rglob("test_*.py")
    }
    untested = []
    for file in sorted(source.rglob("*.py")):
        room, *_ = file.relative_to(source).parts  # a file above the rooms is its own
        own = f"test_{file.name}" if file.parent == source else room
        if not file.name.startswith("__") and (own, file.name) not in tested:
            untested.append(str(file.relative_to(source)))
    # fewer than twenty: pages and whole ways that the tests of their rooms go through
    assert len(untested) < 20, untested
