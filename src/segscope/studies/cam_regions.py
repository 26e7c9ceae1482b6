"""Regions that the classifier-map study is done on: cut once, in a folder of the study.

The folder is named by the images' content and how regions are cut, so that a study goes on wherever
its folder and the dataset lie.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from segscope.data import Dataset, json_ready, open_dataset, write_json
from segscope.data.json_files import read_record
from segscope.errors import InputError
from segscope.experiments import content_of, key_of, made_once, read_experiment
from segscope.workflows.region_facts import region_facts
from segscope.workflows.rois import RoiOptions, extract_rois

ORIGINAL = "original"
"""Regions as they were cut, beside those that are filtered."""

_FILE = "regions.json"
ANEW = "it is damaged: delete it, and start the study again"


def cut_regions(dataset: Dataset, folder: Path, options: RoiOptions) -> Dataset:
    """Cut the regions, or take those that the same options gave before.

    Raises:
        InputError: Nothing can be cut.
    """
    source = content_of(dataset)

    def cut(new: Path) -> None:
        counts = extract_rois(dataset, new, options)
        facts = {"format": 1, "source": source, "counts": counts}
        write_json(new / _FILE, json_ready({**facts, **region_facts(open_dataset(new))}))

    place = f"rois/{key_of({'content': source, **asdict(options)})}"
    return open_dataset(made_once(folder / place, cut))


def regions_again(dataset: Dataset, folder: Path) -> Dataset:
    """Find the regions that a study was done on.

    Args:
        dataset: That they were cut out of.
        folder: Of the study.

    Raises:
        InputError: No study; it was begun with another dataset; its regions are gone.
    """
    content = read_experiment(folder).content
    for place in sorted((folder / "rois").glob("*/dataset.json")):
        rois = open_dataset(place.parent)
        if content_of(rois) == content:
            break
    else:
        raise InputError(f"{folder / 'rois'}: the regions are gone; start the study again")
    if known_of(rois)["source"] != content_of(dataset):
        raise InputError(
            f"{dataset.folder}: is not the dataset of {folder}, or its files have changed; name "
            "the one that the study was begun with"
        )
    return rois


def known_of(rois: Dataset) -> Mapping[str, Any]:
    """Read what is known of regions without a network; see `region_facts`.

    Raises:
        InputError: The file is damaged.
    """
    keys = ("source", "counts", "subjects", "whole", "centred", "shortcuts")
    return read_record(rois.folder / _FILE, *keys, remedy=ANEW)
