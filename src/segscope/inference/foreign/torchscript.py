"""A TorchScript file: a program of torch's own operations, which shows no layers."""

import re
import warnings
import zipfile
from pathlib import Path

import torch
from torch import Tensor, nn

from segscope.errors import InputError
from segscope.inference.foreign.archives import opened_archive

# reads or writes files, prints, or comes from an extension
_NEVER = re.compile(r"\b(torch\.(?:save|from_file)|ops\.(?!prim\b|aten\b)\w+|print|__torch__\.torch"
                    r"\.classes\S*)")  # fmt: skip


class Scripted(nn.Module):
    """A script in a module of ours: hooks on its layers are not to be had, its mode is fixed.

    Args:
        script: Loaded.
    """

    def __init__(self, script: torch.jit.ScriptModule) -> None:
        super().__init__()
        self.script = script

    def forward(self, x: Tensor) -> Tensor:
        return self.script(x)


def is_script(names: tuple[str, ...]) -> bool:
    """Whether members of an archive are those of a TorchScript file.

    Example:
        >>> is_script(("m/constants.pkl", "m/code/__torch__.py")), is_script(("m/data.pkl",))
        (True, False)
    """
    last = {name.partition("/")[2] for name in names}
    return "constants.pkl" in last and any(name.startswith("code/") for name in last)


def read_script(file: Path) -> Scripted:
    """Load a TorchScript file.

    Raises:
        InputError: Damaged; it reads or writes files, or calls what is not torch's own.
    """
    with opened_archive(file) as packed:
        strange = sorted({found for text in _sources(packed) for found in _NEVER.findall(text)})
    if strange:
        raise InputError(
            f"{file}: its program calls {', '.join(strange[:3])}, which is more than a network "
            "needs and never run; script the network alone"
        )
    try:
        with warnings.catch_warnings():  # of torch's plans with this form
            warnings.simplefilter("ignore")
            script = torch.jit.load(str(file), map_location="cpu")
            script.eval()
    except (RuntimeError, ValueError, OSError) as error:
        said = " ".join(str(error).split())[:200]
        raise InputError(
            f"{file}: is damaged, or of another torch ({said}); copy it again"
        ) from None
    for name, value in script.state_dict().items():
        if value.is_floating_point() and not value.isfinite().all():
            raise InputError(f"{file}: its tensor {name} has values that are not finite")
    return Scripted(script)


def _sources(packed: zipfile.ZipFile) -> list[str]:
    names = [n for n in packed.namelist() if "/code/" in n and n.endswith(".py")]
    return [packed.read(name).decode("utf-8", "replace") for name in names]
