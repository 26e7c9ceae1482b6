"""Attention of one test image over the epochs whose weights were kept."""

from pathlib import Path

from segscope.audit.attention import attention_over_epochs, prepared_slice
from segscope.data import Dataset, write_bytes
from segscope.experiments import Outcome, on_trials, open_trial, read_again, write_again
from segscope.report import attention_figure
from segscope.studies.anunet_levels import MAIN, trials_of

_NAME = "attention"
_PICTURE = "attention.png"


def draw_attention(outcome: Outcome, dataset: Dataset, folder: Path) -> None:
    """Draw the attention of the first trial of ANU-Net that is done, on its first test case."""
    done = [t for t in trials_of(outcome, MAIN) if (folder / t.place / "result.json").is_file()]
    on_trials(_draw, done[:1], dataset, folder, _NAME)


def read_attention(outcome: Outcome, folder: Path) -> tuple[str, bytes] | None:
    """Read the picture and whose it is; None where there is none."""
    for trial in trials_of(outcome, MAIN):
        facts = read_again(folder / trial.place, _NAME)
        if facts is not None and facts["maps"]:
            picture = folder / trial.place / "again" / _NAME / _PICTURE
            return str(facts["case"]), picture.read_bytes()
    return None


def _draw(dataset_folder: str, folder: str, name: str, place: str) -> None:
    trial = open_trial(dataset_folder, folder, place)
    root, case = trial.root, trial.cases[0]
    image, truth = prepared_slice(trial.model, case, trial.dataset)
    found = attention_over_epochs(root / "run", image)
    maps = [(one.epoch, one.node, one.coefficients) for one in found]
    if maps:
        into = root / "again" / name
        into.mkdir(parents=True, exist_ok=True)
        write_bytes(into / _PICTURE, attention_figure(image, truth, maps))
    write_again(root, name, {"case": case.name, "maps": len(maps)})
