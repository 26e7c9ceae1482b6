"""``segscope prune`` asks for what was typed and marks the level that is kept."""

import json
from pathlib import Path

import pytest

from segscope.inference.prune import LevelRow, Pruned
from segscope.workflows.prune import PruneOptions
from tests.cli.asked import Asked
from tests.commands import call

ROWS = (LevelRow(1, 1_234_000, 2_500_000_000, 0.0123, 0.71234, 0.6, 3, 0),
        LevelRow(2, 5_000_000, 9_000_000_000, 0.05, 0.75, 0.65, 3, 0))  # fmt: skip


@pytest.fixture
def asked(monkeypatch):
    answer = Pruned(Path("small"), 1, ROWS, 0.05)
    return Asked(monkeypatch, "segscope.workflows.prune", "prune", answer)


def test_options_reach_the_work_and_the_table_is_printed(capsys, asked):
    words = ["--max-dice-loss", 0.05, "-d", "data", "--device", "cuda:1"]
    code, out, _ = call(capsys, "prune", "run", "-o", "small", *words)
    assert code == 0
    assert asked.given == (
        Path("run"), Path("small"),
        PruneOptions(level="auto", max_dice_loss=0.05, dataset=Path("data"), device="cuda:1"),
    )  # fmt: skip
    first, second, last = out.splitlines()
    assert first.split() == ["*", "L1", "1.2340", "M", "2.50", "G", "12.3", "ms", "Dice", "0.7123",
                             "IoU", "0.6000"]  # fmt: skip
    assert second.startswith("  L2")
    assert last == "L1 kept in small (prune.csv, prune.png)"


def test_json_is_what_was_written(capsys, asked, tmp_path):
    (tmp_path / "prune.json").write_text(json.dumps({"level": 1}))
    code, out, _ = call(capsys, "prune", "run", "-o", tmp_path, "--json", "--level", "L2")
    assert (code, json.loads(out)) == (0, {"level": 1})
    assert asked.given[2].level == "L2"


@pytest.mark.parametrize("share", ["-0.1", "1.1", "x"])
def test_a_loss_that_is_no_share_is_refused_before_the_work(capsys, asked, share):
    assert call(capsys, "prune", "run", "-o", "x", "--max-dice-loss", share)[0] == 2
    assert asked.given is None
