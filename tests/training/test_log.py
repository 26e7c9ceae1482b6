"""What a training says in a log file, by a clock that is moved by hand."""

import csv
import io
import logging

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from segscope import progress
from segscope.training import log
from segscope.training.log import Lines, TrainingLog, rows_to_csv


@pytest.fixture
def clock(monkeypatch):
    now = [50.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def undrawn(monkeypatch):
    monkeypatch.setattr(log, "is_drawn", lambda: False)


def test_steps_are_said_at_times_with_loss_dice_and_time_left(clock, caplog):
    lines = Lines(100)
    with caplog.at_level(logging.INFO, "segscope.progress"):
        for step in range(1, 26):
            clock[0] += 1
            measured = float("nan") if step < 15 else 0.5
            lines.step(step, 1 / step, "dice", measured, seconds_left=4.0 * (100 - step))
    assert caplog.messages == [
        "training: step 10 of 100, about 6 min left; loss 0.100",
        "training: step 20 of 100, about 5 min left; loss 0.050, validation dice 0.500",
    ]


def test_an_epoch_is_said_at_most_every_thirty_seconds_with_every_label(clock, caplog):
    lines = Lines(40)
    with caplog.at_level(logging.INFO, "segscope.progress"):
        for epoch in range(8):
            clock[0] += 9
            lines.step(5 * epoch + 5, 0.9, "dice", 0.1, seconds_left=60.0)
            row = {"epoch": epoch, "train_loss": 0.8 - epoch / 10, "learning_rate": 1.0}
            more = {"val_dice": 0.25, "val_dice_ball": 0.3, "val_dice_core": 0.2}
            lines.epoch(row | (more if epoch % 4 == 0 else {}))
    epochs = [line for line in caplog.messages if "epoch" in line]
    assert epochs == [
        "training: epoch 1 done (step 5 of 40, about 60 s left); loss 0.800, validation dice "
        "0.250, dice_ball 0.300, dice_core 0.200",
        "training: epoch 5 done (step 25 of 40, about 60 s left); loss 0.400, validation dice "
        "0.250, dice_ball 0.300, dice_core 0.200",
    ]


def test_verbose_has_every_epoch_and_quiet_none(clock, caplog):
    for level, count in ((logging.DEBUG, 3), (logging.WARNING, 0)):
        caplog.clear()
        with caplog.at_level(level, "segscope.progress"):
            lines = Lines(3)
            for epoch in range(3):
                lines.step(epoch, 1.0, "dice", 0.1, seconds_left=1.0)
                lines.epoch({"epoch": epoch, "train_loss": 1.0})
        assert len(caplog.messages) == count


def test_a_training_logs_lines_where_nothing_can_be_drawn(tmp_path, undrawn, caplog):
    with (
        caplog.at_level(logging.INFO, "segscope.progress"),
        TrainingLog(tmp_path, first_epoch=0, steps=2) as found,
    ):
        found.step(2, 0.5, "dice", 0.5, seconds_left=0.0)
        found.epoch([{"epoch": 0, "train_loss": 0.5, "val_dice": 0.5}])
    assert caplog.messages == [
        "training: epoch 1 done (step 2 of 2, about 0 s left); loss 0.500, validation dice 0.500"
    ]
    assert (tmp_path / "log.csv").read_text().startswith("epoch,train_loss,val_dice")


@pytest.mark.parametrize(("level", "drawn"), [(logging.NOTSET, True), (logging.WARNING, False)])
def test_a_terminal_or_notebook_has_a_bar_unless_quiet(tmp_path, monkeypatch, caplog, level, drawn):
    monkeypatch.setattr(log, "is_drawn", lambda: True)
    monkeypatch.setattr(logging.getLogger("segscope.progress"), "level", level)
    with TrainingLog(tmp_path, first_epoch=0, steps=4) as found:
        found.step(3, 0.5, "dice", 0.25, seconds_left=65.0)
        found.epoch([{"epoch": 0, "train_loss": 0.5}])
        assert found._bar.disable is not drawn
        if drawn:
            task = found._bar.tasks[0]
            assert (task.completed, task.fields["status"]) == (
                3, "loss 0.500  dice 0.250  1:05 left"
            )  # fmt: skip
    assert not caplog.messages


ROWS = [{"epoch": 0, "train_loss": 0.5}, {"epoch": 1, "train_loss": 0.25, "val_dice": 0.75}]


def test_columns_that_come_later_are_empty_before():
    found = list(csv.DictReader(io.StringIO(rows_to_csv(ROWS))))
    assert found == [
        {"epoch": "0", "train_loss": "0.5", "val_dice": ""},
        {"epoch": "1", "train_loss": "0.25", "val_dice": "0.75"},
    ]


def test_a_log_is_whole_after_each_epoch_and_another_tool_reads_its_events(tmp_path):
    with TrainingLog(tmp_path, first_epoch=0, steps=4) as log:
        for k in (1, 2):
            log.step(k, 0.5, "Dice", float("nan"), seconds_left=61)
            log.epoch(ROWS[:k])
            assert (tmp_path / "log.csv").read_bytes().decode() == rows_to_csv(ROWS[:k])
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("train_loss")] == [(0, 0.5), (1, 0.25)]
    assert [(e.step, e.value) for e in events.Scalars("val_dice")] == [(1, 0.75)]
