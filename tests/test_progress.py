"""Progress: a bar where it can be drawn, else lines at sensible times."""

import itertools
import logging

import pytest

from segscope import progress
from segscope.progress import Cadence, track
from tests.commands import call


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def worked(clock, seconds, count, **more):
    for item in track(range(count), "predicting", **more):
        clock[0] += seconds
        assert item < count


def test_lines_come_after_ten_seconds_and_then_more_rarely(clock):
    cadence, spoken = Cadence(), []
    for second in range(1, 1000):
        clock[0] = 100.0 + second
        if cadence.due():
            spoken.append(second)
    # every ten seconds until a quarter of the time is longer, and every two minutes in the end
    assert spoken[:7] == [10, 20, 30, 40, 50, 63, 79]
    assert max(b - a for a, b in itertools.pairwise(spoken)) == 120


def test_a_log_hears_how_far_it_is(clock, caplog):
    with caplog.at_level(logging.INFO, "segscope.progress"):
        worked(clock, 4.0, 6)
    # after three of six at 12 s; at 22 s the last is done, and its line would be late
    assert caplog.messages == ["predicting: 3 of 6, about 12 s left"]


def test_a_count_that_nobody_knows_is_not_made_up(clock, caplog):
    with caplog.at_level(logging.INFO, "segscope.progress"):
        for _ in track(iter(range(2)), "reading"):
            clock[0] += 11.0
    assert caplog.messages == ["reading: 1 after 11 s", "reading: 2 after 22 s"]


def test_every_item_has_its_line_where_that_is_asked_for(clock, caplog):
    with caplog.at_level(logging.DEBUG, "segscope.progress"):
        worked(clock, 1.0, 3)
    assert caplog.messages == [
        "predicting: 1 of 3, about 2 s left",
        "predicting: 2 of 3, about 1 s left",
        "predicting: 3 of 3, about 0 s left",
    ]


def test_nothing_is_said_to_a_program_that_did_not_ask(clock, capsys):
    worked(clock, 60.0, 3)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_has_its_bar_unless_told_otherwise(clock, monkeypatch):
    drawn = []
    monkeypatch.setattr(progress, "is_drawn", lambda: True)
    monkeypatch.setattr(
        progress, "rich_track", lambda items, doing, **_: drawn.append(doing) or iter(items)
    )
    assert list(track([1, 2], "predicting")) == [1, 2]
    log = logging.getLogger("segscope.progress")
    monkeypatch.setattr(log, "level", logging.WARNING)
    assert list(track([1, 2], "auditing")) == [1, 2]
    assert drawn == ["predicting"]


@pytest.mark.parametrize(
    ("flag", "lines"), [("--quiet", 0), ("--verbose", 3), (None, 0)], ids=["quiet", "verbose", "-"]
)
def test_commands_say_as_much_as_they_are_told(tmp_path, capsys, monkeypatch, flag, lines):
    from segscope.cli import info

    def work(*_, **__):
        for _ in track(range(3), "looking"):
            pass
        logging.getLogger("segscope.elsewhere").warning("odd")

    monkeypatch.setattr(info, "_version", lambda name: work())
    monkeypatch.setattr(info, "_LIBRARIES", ())
    code, _, err = call(capsys, "info", *([flag] if flag else []))
    assert code == 0
    assert err.splitlines().count("odd") == 1  # a warning is said in any case, once
    assert err.count("looking") == lines
    assert not logging.getLogger("segscope").handlers


def test_quiet_and_verbose_contradict_each_other(capsys):
    code, _, err = call(capsys, "info", "--quiet", "--verbose")
    assert code == 2
    assert "--quiet --verbose" in err
