"""The log of a training: a table that is whole after each epoch, and TensorBoard's events."""

import csv
import io

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from segscope.training.log import TrainingLog, rows_to_csv

ROWS = [{"epoch": 0, "loss": 0.5}, {"epoch": 1, "loss": 0.25, "val_dice": 0.75}]


def test_columns_that_come_later_are_empty_before():
    found = list(csv.DictReader(io.StringIO(rows_to_csv(ROWS))))
    assert found == [
        {"epoch": "0", "loss": "0.5", "val_dice": ""},
        {"epoch": "1", "loss": "0.25", "val_dice": "0.75"},
    ]


def test_a_log_is_whole_after_each_epoch_and_another_tool_reads_its_events(tmp_path):
    with TrainingLog(tmp_path, first_epoch=0, steps=4) as log:
        for k in (1, 2):
            log.step(k, 0.5, "Dice", float("nan"), seconds_left=61)
            log.epoch(ROWS[:k])
            assert (tmp_path / "log.csv").read_bytes().decode() == rows_to_csv(ROWS[:k])
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [(0, 0.5), (1, 0.25)]
    assert [(e.step, e.value) for e in events.Scalars("val_dice")] == [(1, 0.75)]
