"""Weights that others trained: found in the caches of their packages, or fetched on request.

The paper's six classifiers have pytorchcv's files, checked against the hashes that the package
brings along; other names have timm's, from the Hugging Face hub. Nothing is fetched unless a recipe
asks for it, and nothing that is fetched can run code.
"""

import hashlib
import importlib
import shutil
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segscope.data import atomic_path
from segscope.errors import InputError
from segscope.inference.weights import load_weights
from segscope.networks.classifiers import CLASSIFIERS
from segscope.networks.timm_library import import_timm

PRETRAINED = "pretrained"

_OWN_FOLDER = "~/.torch/models"  # where pytorchcv itself puts them


def pretrained_weights(name: str) -> tuple[dict[str, Tensor], str]:
    """Return the weights that a classifier's package offers, trained on ImageNet or more.

    Args:
        name: See `segscope.networks.classifier`; of timm also with a tag, ``resnet50.a1_in1k``.

    Returns:
        State dict of the classifier's body with its own channels and classes, and where it came
        from, for a run's record.

    Raises:
        InputError: There are none, they are damaged, or could not be fetched; with what to do.
    """
    if name in CLASSIFIERS:
        file = classifier_file(name)
        return load_weights(file), f"{PRETRAINED} ({file.name})"
    return _from_timm(name)


def classifier_file(name: str, cache: Path | None = None) -> Path:
    """Return the file of weights of one of the paper's classifiers, fetched if it must be.

    Args:
        name: One of `CLASSIFIERS`.
        cache: Folder where it is looked for and kept; where not given, torch.hub's
            (``TORCH_HOME``), and pytorchcv's own is looked into too.

    Raises:
        InputError: The file is damaged or could not be fetched.
    """
    function = CLASSIFIERS[name].function
    # what is published: error rate, SHA-1 and release of each file
    store: Any = importlib.import_module("pytorchcv.models.common.model_store")
    _, error_rate, sha1, release = store.get_model_metainfo_dict()[function]
    file_name = f"{function}-{error_rate}-{sha1[:8]}.pth"
    folder = Path(torch.hub.get_dir()) / "checkpoints" if cache is None else cache
    places = [folder] if cache else [folder, Path(_OWN_FOLDER).expanduser()]
    for file in (place / file_name for place in places):
        if file.is_file():
            _check_hash(file, file, sha1)
            return file
    file = folder / file_name
    url = f"{store.imgclsmob_repo_url}/releases/download/{release}/{file_name}.zip"
    packed = file.with_name(f"{file_name}.zip")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(packed), progress=False)
    except OSError as error:
        raise InputError(
            f"weights {PRETRAINED!r} of {name} are not in {folder} and could not be fetched "
            f"({error}); download {url} elsewhere, put {file_name} from it there, or give its path "
            "as weights"
        ) from None
    _unpack(packed, file, sha1)
    return file


def _unpack(packed: Path, file: Path, sha1: str) -> None:
    """Copy the one file out of its zip, under the name that was asked for and no other."""
    try:
        with (
            atomic_path(file) as temporary,
            zipfile.ZipFile(packed) as opened,
            opened.open(file.name) as member,
        ):
            with temporary.open("wb") as target:
                shutil.copyfileobj(member, target)
            _check_hash(temporary, packed, sha1)
    except (zipfile.BadZipFile, zlib.error, KeyError) as error:
        raise InputError(f"{packed}: does not hold {file.name} ({error}); try again") from None
    finally:
        packed.unlink()


def _check_hash(file: Path, named: Path, sha1: str) -> None:
    with file.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha1").hexdigest()
    if found != sha1:
        raise InputError(f"{named}: has SHA-1 {found}, expected {sha1}; delete it, fetch it again")


def _from_timm(name: str) -> tuple[dict[str, Tensor], str]:
    timm = import_timm()

    try:
        body = timm.create_model(name, pretrained=True)
    except Exception as error:  # a hub that cannot be reached fails in any way
        raise InputError(
            f"weights {PRETRAINED!r} of {name} are not in the hub's cache (HF_HOME) and could not "
            f"be fetched ({type(error).__name__}: {error}); download them elsewhere, and give the "
            "file's path as weights"
        ) from None
    facts: Any = body.pretrained_cfg
    source = facts.get("hf_hub_id") or facts.get("url") or facts.get("file")
    return body.state_dict(), f"{PRETRAINED} ({facts.get('tag') or 'no tag'}, {source})"
