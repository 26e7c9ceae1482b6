"""The ``segscope`` command: one line per subcommand, and what happens to errors."""

import logging
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from typer.exceptions import Abort, TyperException

from segscope.cli.audit import audit
from segscope.cli.cam import cam
from segscope.cli.classify import app_classify
from segscope.cli.compare import compare
from segscope.cli.data import app_data
from segscope.cli.demo import demo
from segscope.cli.evaluate import evaluate
from segscope.cli.info import info
from segscope.cli.model import app_model
from segscope.cli.predict import predict
from segscope.cli.prune import prune
from segscope.cli.quality import quality
from segscope.cli.recipe import app_recipe
from segscope.cli.report import report
from segscope.cli.shell import HELP, command_of, with_help
from segscope.cli.study import app_study
from segscope.cli.train import train
from segscope.errors import InputError, WorkError
from segscope.paths import is_fault_of_path, said_of

_EMPTY = re.compile(r"--[a-z-]+=")
_ANYWHERE = ("--debug", "--quiet", "--verbose")

app = typer.Typer(
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": HELP},
    help="Train, prune, explain and quality-control networks that segment medical images.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from segscope import __version__

        typer.echo(__version__)
        raise typer.Exit


for _one in (demo, info, train, prune, predict, evaluate, report, audit, quality, cam, compare):
    app.command()(_one)
app.add_typer(app_data, name="data")
app.add_typer(app_classify, name="classify")
app.add_typer(app_recipe, name="recipe")
app.add_typer(app_model, name="model")
app.add_typer(app_study, name="study")


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print it.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="No progress; warnings and errors only.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="A line for every case, also in a log file.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error arose.")] = False,
) -> None:
    """Train, prune, explain and quality-control networks that segment medical images."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed in the middle, 2 bad input or usage."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):  # names may hold bytes that are no text
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    flags = {word for word in words if word in _ANYWHERE}
    words = [word for word in words if word not in _ANYWHERE]
    if {"--quiet", "--verbose"} <= flags:
        sys.exit(_say("--quiet --verbose: contradict each other; leave one out", 2))
    with _logged(flags):
        sys.exit(_run(words, debug="--debug" in flags))


@contextmanager
def _logged(flags: set[str]) -> Iterator[None]:
    """Print what the package logs on stderr: progress at times, warnings always."""
    log, progress = logging.getLogger("segscope"), logging.getLogger("segscope.progress")
    before = log.level, progress.level
    printer = logging.StreamHandler()
    printer.setFormatter(logging.Formatter("%(message)s"))
    level = logging.DEBUG if "--verbose" in flags else logging.INFO
    log.addHandler(printer)
    log.setLevel(level)
    progress.setLevel(logging.WARNING if "--quiet" in flags else level)
    try:
        yield
    finally:
        log.removeHandler(printer)
        log.setLevel(before[0])
        progress.setLevel(before[1])


def _run(words: list[str], *, debug: bool) -> int:
    if (fault := _unusable(words)) is not None:
        return _say(fault, 2)
    try:
        command = command_of(app)
        words = with_help(command, words)
        status = command.main(words, prog_name="segscope", standalone_mode=False)
    except Abort:
        return _say("stopped", 1)
    except TyperException as error:
        said = getattr(error, "format_message", error.__str__)()
        return _say(f"{said.rstrip('.')}; --help shows what is possible", 2)
    except InputError as error:
        return _fail(error, 2, debug)
    except OSError as error:
        return _of_system(error, debug)
    except (WorkError, MemoryError) as error:
        return _fail(error, 1, debug)
    except KeyboardInterrupt:
        return _say("stopped by the keyboard", 130)
    except Exception as error:  # the last door: a defect is said in one line, details on request
        return _fail(error, 1, debug, "defect in segscope (please report it with --debug): ")
    return int(status or 0)


def _unusable(words: list[str]) -> str | None:
    """What is wrong with the arguments whatever they are for."""
    if any("\0" in word for word in words):
        return "an argument holds a NUL character, which no name can have; leave it out"
    if any(not word or _EMPTY.fullmatch(word) for word in words):  # as a path: this folder
        return "an argument is empty (a variable without a value?); leave it out"
    return None


def _of_system(error: OSError, debug: bool) -> int:
    """What the system says, by the file's name and without its number."""
    if is_fault_of_path(error):  # no disk could make it right: wrong from the start
        code, said = 2, f"{error.filename}: {said_of(error)}"
    elif error.filename and error.strerror:
        code, said = 1, f"{error.filename}: {error.strerror.lower()}; check the path and the disk"
    else:
        return _fail(error, 1, debug)
    return _fail(OSError(said).with_traceback(error.__traceback__), code, debug)


def _fail(error: BaseException, code: int, debug: bool, prefix: str = "") -> int:
    if debug:
        traceback.print_exception(error)
    name = "" if str(error) else type(error).__name__
    return _say(f"{prefix}{error}{name}", code)


def _say(message: str, code: int) -> int:
    Console(stderr=True).print(
        f"segscope: {message}", markup=False, highlight=False, soft_wrap=True
    )
    return code


if __name__ == "__main__":
    main()
