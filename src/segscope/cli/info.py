"""``segscope info``: what is installed here, for a bug report; nothing heavy is imported."""

import json
import os
import platform
import sys
from importlib import metadata
from typing import Annotated, Any

import typer

from segscope.errors import InputError
from segscope.plugins import installed

_LIBRARIES = (
    "torch", "numpy", "scipy", "monai", "lightning-fabric", "nibabel", "SimpleITK", "pydicom",
    "safetensors", "scikit-learn", "nilearn", "matplotlib",
)  # fmt: skip


def info(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    benchmark: Annotated[
        bool, typer.Option("--benchmark", help="Measure this machine's speed, in a minute.")
    ] = False,
    device: Annotated[
        str | None, typer.Option("--device", help="For --benchmark: auto, cpu, cuda, cuda:1, mps.")
    ] = None,
) -> None:
    """Say which versions and things of your own are installed, what the machine is, and how fast.

    Example: segscope info --benchmark
    """
    if device is not None and not benchmark:
        raise InputError("--device: is for --benchmark; add it, or leave --device out")
    facts = _facts()
    speed = None
    if benchmark:
        from segscope.workflows.benchmark import measure_machine

        speed = measure_machine(device or "auto")
        facts["speed"] = speed.to_dict()
    if as_json:
        typer.echo(json.dumps(facts))
        return
    libraries, declared = facts.pop("libraries"), facts.pop("declared")
    facts.pop("speed", None)
    for name, value in (*facts.items(), *libraries.items()):
        typer.echo(f"{name:18s} {value or 'not installed'}")
    for name, package in declared.items():
        typer.echo(f"{name}  {package}")
    for line in () if speed is None else speed.lines():
        typer.echo(line)


def _facts() -> dict[str, Any]:
    return {
        "segscope": _version("segscope"),
        "python": platform.python_version(),
        "executable": sys.executable,
        "system": platform.platform(),
        "machine": platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "declared": installed(),
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
