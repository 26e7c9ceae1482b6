"""A dataset in the forms of others: MSD, nnU-Net version 1, BIDS and COCO.

`convert` reads them back: what went out comes in again voxel for voxel.
"""

import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from segscope import __version__
from segscope.data import Dataset, read_label_of, write_image, write_json, write_label, write_text
from segscope.data.files import atomic_path, copy_file
from segscope.data.formats import format_of
from segscope.data.readers import read_image
from segscope.errors import InputError
from segscope.images import Case
from segscope.paths import check_new_folder, make_folder
from segscope.progress import track


def export(dataset: Dataset, output: Path, to: str) -> int:
    """Write a dataset in another form.

    Args:
        dataset: Labelled cases and test cases go out.
        output: New folder.
        to: ``msd``, ``nnunet-v1``, ``bids`` or ``coco``.

    Returns:
        Number of cases.

    Raises:
        InputError: No such form, or one that cannot hold this dataset: volumes in COCO, planes in
            the others.
    """
    if to not in FORMS:
        raise InputError(f"--to {to}: expected one of {', '.join(FORMS)}")
    dims = format_of(dataset.file_ending).dims
    if (dims == 2) != (to == "coco"):
        kinds = "planes" if to == "coco" else "volumes"
        raise InputError(f"--to {to}: is for {kinds}, {dataset.folder} holds {dataset.file_ending}")
    check_new_folder(output)
    make_folder(output)
    FORMS[to](dataset, output)
    return len(dataset.training) + len(dataset.test)


def _nnunet_v1(dataset: Dataset, output: Path) -> None:
    for case, part in track(_cases(dataset), "exporting"):
        for k in range(len(dataset.channel_names)):
            _image(dataset, case, k, output / f"images{part}" / f"{case.name}_{k:04d}.nii.gz")
        _label(dataset, case, output / f"labels{part}" / f"{case.name}.nii.gz")
    _describe(dataset, output)


def _msd(dataset: Dataset, output: Path) -> None:
    import nibabel as nib

    for case, part in track(_cases(dataset), "exporting"):
        name = output / f"images{part}" / f"{case.name}.nii.gz"
        if len(case.image_files) == 1:
            _image(dataset, case, 0, name)
        else:
            images = [read_image(file, reading=dataset.reading) for file in case.image_files]
            stacked = np.stack([image.array[0] for image in images], axis=-1)
            make_folder(name.parent)
            with atomic_path(name) as temporary:
                nib.save(nib.Nifti1Image(stacked, images[0].grid.affine), temporary)
        _label(dataset, case, output / f"labels{part}" / f"{case.name}.nii.gz")
    _describe(dataset, output)


def _describe(dataset: Dataset, output: Path) -> None:
    listed = [{"image": f"./imagesTr/{c.name}.nii.gz", "label": f"./labelsTr/{c.name}.nii.gz"}
              for c in dataset.training]  # fmt: skip
    facts = {
        "name": dataset.name,
        "tensorImageSize": "4D" if len(dataset.channel_names) > 1 else "3D",
        "modality": {str(k): name for k, name in enumerate(dataset.channel_names)},
        "labels": {str(value): name for name, value in dataset.labels.items()},
        "numTraining": len(dataset.training),
        "numTest": len(dataset.test),
        "training": listed,
        "test": [f"./imagesTs/{case.name}.nii.gz" for case in dataset.test],
    }
    write_json(output / "dataset.json", facts)


def _bids(dataset: Dataset, output: Path) -> None:
    masks = output / "derivatives" / "labels"
    for case, _ in track(_cases(dataset), "exporting"):
        subject = _word(case.name)
        for k, channel in enumerate(dataset.channel_names):
            name = f"sub-{subject}_{_word(channel)}.nii.gz"
            _image(dataset, case, k, output / f"sub-{subject}" / "anat" / name)
        _label(dataset, case, masks / f"sub-{subject}" / "anat" / f"sub-{subject}_dseg.nii.gz")
    description = {"Name": dataset.name, "BIDSVersion": "1.9.0"}
    write_json(output / "dataset_description.json", description)
    made = {"GeneratedBy": [{"Name": "segscope", "Version": __version__}]}
    write_json(masks / "dataset_description.json",
               {**description, "DatasetType": "derivative", **made})  # fmt: skip
    names = "".join(f"{value}\t{name}\n" for name, value in dataset.labels.items())
    write_text(masks / "dseg.tsv", f"index\tname\n{names}")
    rows = "".join(f"sub-{_word(c.name)}\t{c.name}\t{c.group}\n" for c, _ in _cases(dataset))
    write_text(output / "participants.tsv", f"participant_id\tcase\tsubject\n{rows}")


def _coco(dataset: Dataset, output: Path) -> None:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (case, _) in enumerate(track(_cases(dataset), "exporting"), 1):
        if len(case.image_files) > 1:
            raise InputError(f"{dataset.folder}: case {case.name} has several files; COCO has one")
        file = case.image_files[0]
        name = f"{case.name}{dataset.file_ending}"
        make_folder(output / "images")
        copy_file(file, output / "images" / name)
        shape = read_image(file, reading=dataset.reading).grid.shape
        images.append({"id": number, "file_name": name, "height": shape[0], "width": shape[1]})
        label = None if case.label_file is None else read_label_of(dataset, case).array
        for value in dataset.labels.values():
            if value == 0 or label is None or not (label == value).any():
                continue
            mask = label == value
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": value,
                    "segmentation": {"size": list(shape), "counts": runs_of(mask)},
                    "area": int(mask.sum()),
                    "bbox": _box(mask),
                    "iscrowd": 1,  # so that readers take run lengths
                }
            )
    categories = [{"id": value, "name": name} for name, value in dataset.labels.items() if value]
    facts = {"images": images, "annotations": annotations, "categories": categories}
    write_text(output / "annotations.json", json.dumps(facts) + "\n")


FORMS: dict[str, Callable[[Dataset, Path], None]] = {
    "msd": _msd,
    "nnunet-v1": _nnunet_v1,
    "bids": _bids,
    "coco": _coco,
}
"""Every form that a dataset can be written in."""


def runs_of(mask: Any) -> list[int]:
    """COCO's run lengths: outside, inside, outside ..., column by column.

    Example:
        >>> runs_of(np.array([[False, True], [True, False]]))
        [1, 2, 1]
    """
    flat = np.asarray(mask, bool).T.reshape(-1)
    changes = np.flatnonzero(np.diff(flat)) + 1
    ends = [0, *changes.tolist(), flat.size]
    runs = [after - before for before, after in pairwise(ends)]
    return [0, *runs] if flat.size and flat[0] else runs


def _cases(dataset: Dataset) -> list[tuple[Case, str]]:
    return [*((case, "Tr") for case in dataset.training), *((case, "Ts") for case in dataset.test)]


def _image(dataset: Dataset, case: Case, channel: int, name: Path) -> None:
    """The file's own bytes where its form is right, else written again."""
    make_folder(name.parent)
    file = case.image_files[channel]
    if file.name.endswith(".nii.gz"):
        copy_file(file, name)
    else:
        write_image(name, read_image(file, reading=dataset.reading))


def _label(dataset: Dataset, case: Case, name: Path) -> None:
    if case.label_file is None:
        return
    make_folder(name.parent)
    write_label(name, read_label_of(dataset, case), like=case.label_file)


def _word(text: str) -> str:
    """Letters and digits, as BIDS has names."""
    return re.sub("[^A-Za-z0-9]", "", text)


def _box(mask: Any) -> list[int]:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    top, left = int(rows[0]), int(columns[0])
    return [left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1]
