"""Options that go together are one argument of a command, and options of their own outside."""

import inspect
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from segscope.cli.groups import grouped

Jobs = Annotated[int, typer.Option("--jobs", min=1, help="At a time.")]


@dataclass(frozen=True)
class Work:
    jobs: Jobs = 2
    ray: Annotated[bool, typer.Option("--ray", help="On Ray.")] = False


@grouped
def measure(*, name: str, work: Work, last: int = 5) -> None:
    """Say what came."""
    typer.echo(f"{name} {work} {last}")


@grouped
def at_once(*, work: Work = Work(jobs=9)) -> None:
    """Say what came."""
    typer.echo(str(work))


def said(command, *words):
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, words)


@pytest.mark.parametrize(
    ("words", "came"),
    [
        (("a",), "a Work(jobs=2, ray=False) 5\n"),
        (("a", "--ray", "--jobs", "3", "--last", "1"), "a Work(jobs=3, ray=True) 1\n"),
    ],
    ids=["defaults", "given"],
)
def test_fields_are_options_and_arrive_as_one(words, came):
    assert said(measure, *words).output == came


def test_fields_stand_where_their_group_stands():
    assert list(inspect.signature(measure).parameters) == ["name", "jobs", "ray", "last"]
    assert measure.__doc__ == "Say what came."


def test_a_command_may_replace_a_default():
    assert said(at_once).output == "Work(jobs=9, ray=False)\n"
    assert said(at_once, "--jobs", "1").output == "Work(jobs=1, ray=False)\n"


def test_limits_of_a_field_hold():
    found = said(measure, "a", "--jobs", "0")
    assert found.exit_code == 2
    assert "--jobs" in found.output
