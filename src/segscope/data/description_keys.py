"""Every key of ``dataset.json`` is used, known to change nothing, or said."""

from collections.abc import Mapping, Sequence
from typing import Any

from segscope.data.decoders.fields import Field
from segscope.data.label_names import Fault
from segscope.data.names import alike, clean, meant, shown
from segscope.images.channels import NORMALISATIONS, nearly

KEYS: dict[str, Field] = {
    "channel_names": Field("used", "number to name; the name decides the normalisation"),
    "modality": Field("used", "version 1's word for channel_names"),
    "labels": Field("used", "name to value"),
    "label_mapping": Field("used", "stored value to label"),
    "file_ending": Field("used", "of images"),
    "label_file_ending": Field("used", "of labels, where it is another one"),
    "dataset": Field("used", "case to its files"),
    "name": Field("used", "of the dataset"),
    "numTraining": Field("checked", "against the cases that are there"),
    "training": Field("checked", "version 1: files of the training cases, against those there"),
    "test": Field("checked", "version 1: files of the test cases, against those there"),
    "regions_class_order": Field("noted", "order of regions, which are refused"),
    "overwrite_image_reader_writer": Field("noted", "each format has one reader here"),
    "dataset_name": Field("harmless", "free text"),
    "description": Field("harmless", "free text"),
    "reference": Field("harmless", "free text"),
    "citation": Field("harmless", "free text"),
    "licence": Field("harmless", "free text"),
    "license": Field("harmless", "free text"),
    "release": Field("harmless", "free text"),
    "relase": Field("harmless", "as some datasets of the Decathlon spell release"),
    "version": Field("harmless", "free text"),
    "date": Field("harmless", "free text"),
    "author": Field("harmless", "free text"),
    "authors": Field("harmless", "free text"),
    "contact": Field("harmless", "free text"),
    "url": Field("harmless", "free text"),
    "source": Field("harmless", "free text"),
    "comment": Field("harmless", "free text"),
    "notes": Field("harmless", "free text"),
    "converted_by": Field("harmless", "free text"),
    "split": Field("harmless", "free text; folds are in splits_final.json"),
    "tensorImageSize": Field("harmless", "version 1: 3D or 4D, which files tell"),
    "numTest": Field("harmless", "version 1: nothing is made of the test cases' number"),
    "evaluation": Field("harmless", "version 1: nothing is made of it"),
}


def misspelt(facts: Mapping[str, Any]) -> dict[str, str]:
    """Unknown keys that are close to a known one, and which.

    Example:
        >>> misspelt({"lables": {}, "hospital": "A", "name": "x"})
        {'lables': 'labels'}
    """
    close = {key: meant(key, KEYS) for key in facts if key not in KEYS}
    return {key: wanted for key, wanted in close.items() if wanted is not None}


def key_warnings(facts: Mapping[str, Any], channels: Sequence[str]) -> list[Fault]:
    """Say what is odd in a description that may yet be usable."""
    return [
        *_unknown(facts),
        *_odd_kinds(facts),
        *_not_used(facts),
        *_trimmed(facts),
        *_channel_names(channels),
    ]


def _unknown(facts: Mapping[str, Any]) -> list[Fault]:
    close = misspelt(facts)
    found = []
    for key in facts:
        if key in KEYS or key.startswith("_"):  # as notes are written into JSON
            continue
        hint = f"name it {close[key]} if that is meant" if key in close else "nothing is made of it"
        found.append((f"has the key {shown(key)}, which is not known and is ignored", hint))
    return found


def _odd_kinds(facts: Mapping[str, Any]) -> list[Fault]:
    found = []
    number = facts.get("numTraining", 0)
    if type(number) is not int:
        said = f"numTraining is {shown(number)}, no whole number, and is not compared"
        found.append((said, "write the number of training cases"))
    name = facts.get("name", "x")
    if not isinstance(name, str) or not name.strip():
        found.append(
            (f"name is {shown(name)}, no text, and is ignored", "write the dataset's name")
        )
    for key in ("training", "test"):
        entries = facts.get(key, [])
        files = [e.get("image") if isinstance(e, dict) else e for e in entries] if isinstance(
            entries, list) else [None]  # fmt: skip
        if not all(isinstance(file, str) for file in files):
            found.append((f"{key} is no list of files, and is not compared", "leave it out"))
    return found


def _not_used(facts: Mapping[str, Any]) -> list[Fault]:
    found = []
    if "regions_class_order" in facts:
        said = "regions_class_order is for regions, which labels does not have, and is ignored"
        found.append((said, "leave it out"))
    reader = facts.get("overwrite_image_reader_writer", "SimpleITKIO")
    if reader == "Tiff3DIO":
        said = "overwrite_image_reader_writer is Tiff3DIO; TIFF is read as planes here"
        found.append((said, "convert the volumes to .nii.gz"))
    elif not isinstance(reader, str):
        said = f"overwrite_image_reader_writer is {shown(reader)}, no name, and is ignored"
        found.append((said, "leave it out"))
    older, newer = facts.get("modality"), facts.get("channel_names")
    if "modality" in facts and "channel_names" in facts and older != newer:
        said = "channel_names and modality differ; channel_names counts"
        found.append((said, "leave modality out, it is version 1's word"))
    return found


def _trimmed(facts: Mapping[str, Any]) -> list[Fault]:
    """Names that had blanks or unseen characters around them."""
    names: list[str] = []
    for key in ("labels", "channel_names", "modality"):
        entries = facts.get(key)
        if isinstance(entries, dict):
            names += [text for text in (*entries, *entries.values()) if isinstance(text, str)]
    odd = sorted({text for text in names if clean(text) and clean(text) != text})
    if not odd:
        return []
    said = f"blanks around names are left out: {', '.join(shown(text) for text in odd)}"
    return [(said, "nnU-Net takes them as part of the name: leave them out")]


def _channel_names(channels: Sequence[str]) -> list[Fault]:
    found = []
    for name in dict.fromkeys(channels):
        close = nearly(name)
        if close is not None:
            found.append(
                (
                    f"a channel is named {name!r}, which is not {close}: it is normalised by its "
                    "own mean and deviation (z-score), as in nnU-Net",
                    f"name it {close} if that is meant",
                )
            )
    plain = [alike(name) for name in channels if name.casefold() not in NORMALISATIONS]
    twice = sorted({name for name in plain if plain.count(name) > 1})
    if twice:
        found.append((f"several channels are named {twice[0]!r}", "give each its own name"))
    return found
