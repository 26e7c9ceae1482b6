"""The time of a training: a clock that goes on by itself, and a loop that ends before it does."""

import itertools
import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning_fabric import Fabric
from torch import nn

from segscope.training import budget as budget_module
from segscope.training import loop as loop_module
from segscope.training.budget import Budget, as_many_as_fit, in_words, limit_of, spread
from segscope.training.loop import Course, Task, fit


class Clock:
    """Goes on only when somebody works."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def work(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    for module in (budget_module, loop_module):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=made.monotonic))
    saved = loop_module.save_state

    def save(path, state):
        made.work(SAVING_S)
        saved(path, state)

    monkeypatch.setattr(loop_module, "save_state", save)
    return made


STEP_S, VALIDATION_S, SAVING_S = 2.0, 3.0, 0.25


def task(clock, rates, *, steps=1000):
    """A line through one point; steps, validations and saving take their time."""
    net = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)

    def batches(epoch):
        for _ in range(steps):
            clock.work(STEP_S)
            yield torch.ones(1, 1), torch.ones(1, 1)

    def loss(output, y, x):
        rates.append(optimizer.param_groups[0]["lr"])
        return (output - y).square().mean()

    def validate():
        clock.work(VALIDATION_S)
        return {"score": 0.5}

    return Task(
        net=net,
        model=net,
        optimizer=optimizer,
        batches=batches,
        loss=loss,
        validate=validate,
        rank=lambda scores: (scores["score"],),
        headline="score",
        keep=lambda name: clock.work(SAVING_S),
        validation_s=VALIDATION_S,
    )


def train(clock, folder, *, minutes, reserve_s=0.0, steps=1000, resume=False, **more):
    folder.mkdir(exist_ok=True)
    rates = []
    budget = Budget(limit_s=limit_of(minutes), reserve_s=reserve_s)
    clock.work(more.pop("before_s", 0.0))
    course = Course(**{"epochs": 100, "steps_per_epoch": steps, "max_minutes": minutes,
                       "learning_rate": 0.1, "schedule": "cosine", **more})  # fmt: skip
    fabric = Fabric(accelerator="cpu", devices=1)
    made = task(clock, rates, steps=steps)
    progress = fit(made, course, fabric, folder=folder, budget=budget, resume=resume)
    return progress, rates, budget


@pytest.mark.parametrize(
    ("before_s", "reserve_s", "steps"),
    [(0.0, 0.0, 1000), (40.0, 0.0, 1000), (10.0, 35.0, 1000), (10.0, 0.0, 7), (0.0, 20.0, 1)],
    ids=["all", "preparing", "evaluation", "epochs", "epochs-of-a-step"],
)
def test_all_of_it_ends_within_a_twentieth_before_the_limit(
    clock, tmp_path, before_s, reserve_s, steps
):
    progress, rates, budget = train(
        clock, tmp_path / "run", minutes=3, before_s=before_s, reserve_s=reserve_s, steps=steps
    )
    end = budget.elapsed_s() + reserve_s
    assert 0.95 * 180 <= end <= 180
    assert progress.begun_s == before_s + SAVING_S  # of the state before the first step
    assert len(rates) == progress.step
    # the rate reaches its end when the time does, and begins at the top however late that was
    assert rates[0] == pytest.approx(0.1, rel=0.01)
    assert rates[-1] < 0.1 * 0.01


def test_one_step_is_made_and_said_where_preparing_took_all_the_time(clock, tmp_path, caplog):
    progress, rates, _ = train(clock, tmp_path / "run", minutes=0.5, before_s=48.0)
    assert (progress.step, progress.epoch, rates) == (1, 1, [0.1])
    assert "reading and preparing took 48 s" in caplog.text


def test_time_decides_nothing_where_nothing_limits_it(clock, tmp_path):
    slow = train(clock, tmp_path / "slow", minutes=None, epochs=3, steps=4, before_s=1e6)
    fast = train(Clock(), tmp_path / "fast", minutes=None, epochs=3, steps=4)
    assert slow[1] == fast[1]
    assert len(slow[1]) == 12


def test_time_is_carried_over_a_stop(clock, tmp_path, monkeypatch):
    saved = loop_module.save_state

    def stop_after_second(path, state):
        saved(path, state)
        if state["progress"]["epoch"] == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(loop_module, "save_state", stop_after_second)
        with pytest.raises(KeyboardInterrupt):
            train(clock, tmp_path / "run", minutes=3, steps=10)
    gone = clock.now
    assert 40 < gone < 60
    clock.work(5000)  # nobody worked
    progress, rates, _ = train(
        clock, tmp_path / "run", minutes=3, steps=10, resume=True, before_s=10.0
    )
    assert 0.95 * 180 <= clock.now - 5000 <= 180
    assert (progress.begun_s, progress.ended_s) == (SAVING_S, 180.0)
    assert rates[-1] < 0.1 * 0.01 < rates[0]


def test_a_training_that_time_has_ended_is_over_for_good_unless_it_gets_more(clock, tmp_path):
    first, _, _ = train(clock, tmp_path / "run", minutes=1)
    again, rates, budget = train(clock, tmp_path / "run", minutes=1, reserve_s=5.0, resume=True)
    assert (again.step, rates, budget.limit_s) == (first.step, [], math.inf)
    longer, rates, _ = train(clock, tmp_path / "run", minutes=2, resume=True)
    assert longer.step == first.step + len(rates) > first.step


def test_no_number_counts_as_the_worst_until_there_is_one(clock, tmp_path):
    values = iter([math.nan, 0.1, math.nan, 0.1, 0.2])
    made = task(clock, [], steps=1)
    kept = []
    judged = Task(**{**vars(made), "validate": lambda: {"score": next(values)},
                     "keep": kept.append})  # fmt: skip
    course = Course(epochs=5, steps_per_epoch=1, learning_rate=0.1, schedule="constant")
    fabric = Fabric(accelerator="cpu", devices=1)
    progress = fit(judged, course, fabric, folder=tmp_path, budget=Budget())
    assert kept == ["best", "last", "best", "last", "last", "last", "best", "last"]
    assert (progress.best, progress.best_epoch) == ([0.2], 4)


def test_of_equal_accuracies_the_lower_loss_is_better(clock, tmp_path):
    found = iter([(0.5, 0.9), (0.5, 0.7), (0.5, 0.8), (0.6, 2.0)])
    made = task(clock, [], steps=1)
    kept = []

    def validate():
        accuracy, loss = next(found)
        return {"score": accuracy, "loss": loss}

    judged = Task(**{**vars(made), "validate": validate, "keep": kept.append,
                     "rank": lambda s: (s["score"], -s["loss"])})  # fmt: skip
    course = Course(epochs=4, steps_per_epoch=1, learning_rate=0.1, schedule="constant")
    fit(judged, course, Fabric(accelerator="cpu", devices=1), folder=tmp_path, budget=Budget())
    assert [k for k, name in enumerate(kept) if name == "best"] == [0, 2, 5]


def test_a_third_of_the_time_is_for_the_final_evaluation(clock):
    budget = Budget(limit_s=60.0)
    budget.plan_evaluation(dict.fromkeys("abcdef", 6.0))
    assert (budget.planned, budget.reserve_s) == (("a", "c", "f"), 18.0)
    assert budget.training_s() == 41.0  # one for Python's own start and end
    clock.work(59.0)  # later than planned: what was promised is done
    assert budget.to_evaluate() == ("a", "c", "f")


def test_more_cases_are_evaluated_where_time_is_left(clock):
    budget = Budget(limit_s=60.0)
    budget.plan_evaluation(dict.fromkeys("abcdef", 6.0))
    clock.work(20.0)
    assert budget.to_evaluate() == tuple("abcdef")
    assert budget.describe(budget.to_evaluate()) == "final evaluation of 6 cases: about 36 s"


def test_without_a_limit_all_cases_are_evaluated(clock):
    budget = Budget()
    budget.plan_evaluation({"a": 1e9, "b": 1e9})
    clock.work(1e12)
    assert budget.to_evaluate() == ("a", "b")
    assert budget.training_s() == math.inf


def test_what_is_cut_or_left_out_is_said(clock):
    budget = Budget(limit_s=60.0, case_s=dict.fromkeys("abcd", 10.0))
    said = budget.describe(("a", "d"))
    assert said.startswith("final evaluation of 2 of 4 cases, as max_minutes has no time for more")
    assert "about 20 s; add --resume afterwards for all" in said
    assert "left out: max_minutes has no time for one of 4 cases (10 s or" in budget.describe(())


@given(st.lists(st.integers(), min_size=1, max_size=30, unique=True), st.data())
def test_cases_are_spread_from_first_to_last(items, data):
    count = data.draw(st.integers(1, len(items)))
    chosen = spread(items, count)
    assert len(set(chosen)) == count
    places = [items.index(item) for item in chosen]
    assert places == sorted(places)
    steps = [b - a for a, b in itertools.pairwise(places)]
    assert not steps or max(steps) - min(steps) <= 1


def test_as_many_as_fit_are_taken_and_no_more():
    assert as_many_as_fit("abcd", dict.fromkeys("abcd", 2.0), 7.9) == ("a", "c", "d")
    assert as_many_as_fit("abcd", dict.fromkeys("abcd", 2.0), 1.9) == ()


def test_times_are_said_as_people_say_them():
    assert [in_words(s) for s in (0.0, 99.4, 100.0, 3600.0)] == [
        "1 s", "99 s", "1 min 40 s", "60 min 0 s",
    ]  # fmt: skip
