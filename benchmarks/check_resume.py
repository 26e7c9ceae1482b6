"""Kill a training with SIGKILL at random moments, resume it each time, compare the weights.

    python benchmarks/check_resume.py DATASET --kills 20 --workers 0 2

For each number of data workers the same training runs once undisturbed; then a second one is
killed after a random time and resumed, again and again, until it has been killed ``--kills``
times, and then left to end. Prints the SHA-256 of both final weights and exits with 1 when they
differ, also between numbers of workers. Waiting times are drawn from a seeded generator. Only the
dataset's first ``--cases`` cases are used, so that starting again takes seconds.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from segscope.data import open_dataset

SETTINGS = (
    "network.widths=[4,8]",
    "train.steps_per_epoch=4",
    "train.batch_size=2",
)


def command(dataset: Path, run: Path, cache: Path, epochs: int, workers: int) -> list[str]:
    """Start a training, or resume it when its folder holds a state."""
    words = [sys.executable, "-m", "segscope.cli.main", "train", str(dataset), "-o", str(run)]
    words += ["--cache", str(cache)]
    if (run / ".segscope" / "state.safetensors").exists():
        return [*words, "--resume"]
    for setting in (*SETTINGS, f"train.epochs={epochs}", f"train.workers={workers}"):
        words += ["--set", setting]
    return words


def start(words: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as file:
        return subprocess.Popen(words, stdout=file, stderr=file, start_new_session=True)


def digest(run: Path) -> str:
    data = b"".join((run / f"weights_{n}.safetensors").read_bytes() for n in ("best", "last"))
    return hashlib.sha256(data).hexdigest()[:16]


def clear_unstarted(run: Path) -> None:
    """A training killed before its first epoch ended has no state: it is started afresh."""
    if run.exists() and not (run / ".segscope" / "state.safetensors").exists():
        run.rename(run.with_name(f"{run.name}_unstarted_{time.monotonic_ns()}"))


def killed_until_done(
    dataset: Path, folder: Path, epochs: int, workers: int, kills: int
) -> tuple[Path, int]:
    dice = random.Random(workers)
    run, done = folder / f"killed_{workers}", 0
    while True:
        clear_unstarted(run)
        process = start(
            command(dataset, run, folder / "cache", epochs, workers), folder / "killed.log"
        )
        if done >= kills:
            code = process.wait()
            if code:
                raise SystemExit(f"resumed training failed with {code}, see {folder}/killed.log")
            return run, done
        before = state_time(run)
        # past the start-up, so that most kills fall into training, saving or validation
        while state_time(run) == before and process.poll() is None:
            time.sleep(0.01)
        time.sleep(dice.uniform(0.0, 1.5))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            done += 1
        else:
            raise SystemExit(f"training ended after {done} kills only; give it more --epochs")


def first_cases(dataset: Path, folder: Path, count: int) -> Path:
    """Link a dataset's first cases into a folder of their own."""
    opened = open_dataset(dataset)
    cases = opened.training[:count]
    for case in cases:
        for name, files in (("imagesTr", case.image_files), ("labelsTr", (case.label_file,))):
            (folder / name).mkdir(parents=True, exist_ok=True)
            for file in files:
                if file is not None:
                    (folder / name / file.name).symlink_to(file.resolve())
    facts = json.loads((dataset / "dataset.json").read_text("utf-8"))
    (folder / "dataset.json").write_text(json.dumps(facts | {"numTraining": len(cases)}))
    return folder


def state_time(run: Path) -> int:
    file = run / ".segscope" / "state.safetensors"
    return file.stat().st_mtime_ns if file.exists() else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=120)
    parser.add_argument("--cases", type=int, default=12)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    arguments = parser.parse_args()
    same, calm_digests = True, set()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset = first_cases(arguments.dataset, folder / "dataset", arguments.cases)
        for workers in arguments.workers:
            calm = folder / f"calm_{workers}"
            words = command(dataset, calm, folder / "cache", arguments.epochs, workers)
            if start(words, folder / "calm.log").wait():
                raise SystemExit((folder / "calm.log").read_text())
            run, kills = killed_until_done(
                dataset, folder, arguments.epochs, workers, arguments.kills
            )
            equal = digest(calm) == digest(run)
            calm_digests.add(digest(calm))
            same &= equal and len(calm_digests) == 1  # the number of workers changes nothing
            print(
                f"workers {workers}: {kills} kills, undisturbed {digest(calm)}, "
                f"killed {digest(run)}: {'equal' if equal else 'DIFFERENT'}",
                flush=True,
            )
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
