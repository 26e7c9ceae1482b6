"""A dataset of small volumes whose description is changed."""

import json

import pytest

from segscope.data import open_dataset
from segscope.errors import InputError


def change(folder, **facts):
    file = folder / "dataset.json"
    known = json.loads(file.read_text()) | facts
    file.write_text(json.dumps({k: v for k, v in known.items() if v is not None}))


def warned(folder):
    return "\n".join(map(str, open_dataset(folder).warnings))


def refused(folder, words):
    with pytest.raises(InputError, match=words):
        open_dataset(folder)


def listed(folder, **more):
    """The dataset's files moved elsewhere under names of their own, listed in its description."""
    cases = {}
    for k in range(3):
        place = folder / "raw" / f"pat{k}"
        place.mkdir(parents=True)
        (folder / "imagesTr" / f"c{k}_0000.nii.gz").rename(place / "t1.nii.gz")
        (folder / "labelsTr" / f"c{k}.nii.gz").rename(place / "mask.nii.gz")
        cases[f"p{k}"] = {
            "images": [f"raw/pat{k}/t1.nii.gz"],
            "label": f"./raw/pat{k}/../pat{k}/mask.nii.gz",
        }
    change(folder, dataset={**cases, **more})
    return cases
