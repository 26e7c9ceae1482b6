"""Pictures of the classifier-map study: what a trial saves of a few regions, and sheets of them.

``pictures/KIND/CASE.png`` of a trial are small grey pictures; sheets are drawn from these alone, so
that the page can be made again where runs and regions are gone.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segscope.data import copy_file, read_label, write_bytes
from segscope.explain import otsu_threshold
from segscope.report import Tile, tile_sheet
from segscope.report.panels import at_equal_steps
from segscope.studies.cam_outcome import Classifiers, Done
from segscope.studies.cam_regions import ORIGINAL
from segscope.training.classify_images import Labelled
from segscope.workflows.filtered import FILTERS
from segscope.workflows.rois import ABNORMAL, NORMAL

_SHOWN = 8
_EACH = 3
_SPREAD = 4


def shown_names(abnormal: Sequence[str], normal: Sequence[str]) -> dict[str, list[str]]:
    """Choose tested regions to show, so that nobody picks them.

    Returns:
        ``spread``: abnormal ones at equal steps in the order of names; ``more``: the first ones;
        ``both``: a few of each class.

    Example:
        >>> found = shown_names([f"a{k}" for k in range(9)], ["n0", "n1"])
        >>> found["spread"], found["both"]
        (['a0', 'a3', 'a5', 'a8'], ['a0', 'a1', 'a2', 'n0', 'n1'])
    """
    return {
        "spread": at_equal_steps(list(abnormal), _SPREAD),
        "more": list(abnormal[:_SHOWN]),
        "both": [*abnormal[:_EACH], *normal[:_EACH]],
    }


def save_pictures(root: Path, folder: Path, tested: Labelled) -> None:
    """Keep what the page shows of a trial: regions, masks, maps, and what filters leave.

    Args:
        root: Of the trial.
        folder: New.
        tested: Regions that are only tested.
    """
    abnormal, normal = (tested.of_class(name).cases for name in (ABNORMAL, NORMAL))
    chosen = shown_names([case.name for case in abnormal], [case.name for case in normal])
    names = {name for of_sheet in chosen.values() for name in of_sheet}
    for case in (case for case in tested.cases if case.name in names):
        assert case.label_file is not None  # regions have one
        files: dict[str, Path] = {
            "region": case.image_files[0],
            "mask": case.label_file,
            **{f: root / f"filtered_{f}" / "imagesTr" / f"{case.name}_0000.png" for f in FILTERS},
        }
        if case in abnormal:
            files["map"] = root / "labels_otsu" / "heatmaps" / f"{case.name}.png"
        for kind, file in files.items():
            (folder / kind).mkdir(parents=True, exist_ok=True)
            copy_file(file, folder / kind / f"{case.name}.png")


def sheets(classifiers: Classifiers, folder: Path) -> dict[str, bytes]:
    """Draw the sheets of the first draw from what its trials saved, and write them as PNG files."""
    first = classifiers.draws()[0].name
    trials = [one for name in classifiers.networks for one in classifiers.of(name)]
    trials = [one for one in trials if one.draw.name == first]
    images = trials[0].found["trained"][ORIGINAL]["images"]
    chosen = shown_names(
        *(
            [case for case, row in images.items() if row["abnormal"] == value]
            for value in (1.0, 0.0)
        )
    )

    def read(one: Done, kind: str, case: str) -> NDArray[np.uint8]:
        file = folder / one.place / "pictures" / kind / f"{case}.png"
        return read_label(file).array.astype(np.uint8)

    own, more = trials[0], chosen["more"]
    found = {
        "maps": tile_sheet(
            [
                [_region(read, own, case), *(_map(read, one, case) for one in trials)]
                for case in chosen["spread"]
            ]
        ),
        "one_classifier": tile_sheet(
            [[_region(read, own, case) for case in more], [_map(read, own, case) for case in more]]
        ),
        "filtered": tile_sheet(
            [
                [Tile(f"{kind}: {case}" if kind == "region" else kind, read(own, kind, case)[None])
                 for case in chosen["both"]]
                for kind in ("region", *FILTERS)
            ]
        ),
    }  # fmt: skip
    for name, png in found.items():
        write_bytes(folder / f"{name}.png", png)
    return found


Read = Callable[[Done, str, str], NDArray[np.uint8]]


def _region(read: Read, one: Done, case: str) -> Tile:
    return Tile(case, read(one, "region", case)[None], truth=read(one, "mask", case) > 0)


def _map(read: Read, one: Done, case: str) -> Tile:
    levels = read(one, "map", case)
    return Tile(
        one.arm,
        read(one, "region", case)[None],
        heat=(levels / 255).astype(np.float32),
        truth=read(one, "mask", case) > 0,
        found=levels > otsu_threshold(levels),
    )
