"""Packages of a user's own, as pip installs them, where a test needs some."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest


def install(site: Path, name: str, code: str, entries: dict[str, str], *, version="1.2") -> Path:
    """Write a module and the metadata of its package; ``entries`` is ``group:name`` to object.

    Args:
        site: Folder to put on ``sys.path``.
        name: Of the package; its module has underscores for hyphens.
        code: Of the module.
        entries: ``{"segscope.losses:mine": "Loss"}`` declares ``module:Loss`` in that group.
        version: Of the package.
    """
    module = name.replace("-", "_")
    site.mkdir(parents=True, exist_ok=True)
    (site / f"{module}.py").write_text(dedent(code))
    info = site / f"{module}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    groups: dict[str, list[str]] = {}
    for place, found in entries.items():
        group, _, entry = place.partition(":")
        groups.setdefault(group, []).append(f"{entry} = {module}:{found}")
    lines = [line for group, of_group in groups.items() for line in (f"[{group}]", *of_group, "")]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return site


@contextmanager
def installed(site: Path, name: str, code: str, entries: dict[str, str]) -> Iterator[Path]:
    """Install a package and put its folder on ``sys.path`` for as long as it takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(install(site, name, code, entries)))
        yield site


def worst_of(name: str) -> float:
    """Look a package's metric up in whatever process this is."""
    from segscope.metrics import METRIC

    return METRIC.get(name).worst


OWN = '''
    """One thing of each kind."""
    import json
    from dataclasses import replace

    import numpy as np
    import torch
    from torch import nn
    from torch.nn import functional

    from segscope.audit import QualityScore
    from segscope.data import Dataset, Decoded, Format, Layout, Problem, write_bytes
    from segscope.explain import CamMethod, by_layer
    from segscope.images import Case
    from segscope.metrics import Metric


    class Net(nn.Module):
        def __init__(self, spatial_dims, in_channels, out_channels, *, widths, norm, strides):
            super().__init__()
            conv = {2: nn.Conv2d, 3: nn.Conv3d}[spatial_dims]
            self.body = nn.Sequential(conv(in_channels, widths[0], 3, padding=1), nn.ReLU())
            self.head = conv(widths[0], out_channels, 1)

        def forward(self, x):
            return self.head(self.body(x))


    class Brier(nn.Module):
        def __init__(self, power=2):
            super().__init__()
            self.power = power

        def forward(self, logits, target):
            truth = functional.one_hot(target[:, 0].long(), logits.shape[1]).movedim(-1, 1)
            return (logits.softmax(1) - truth).abs().pow(self.power).mean()


    def _larger(pair):
        return pair.counts.tp + pair.counts.fp - pair.counts.tp - pair.counts.fn

    BIAS = Metric(lambda pair: float(_larger(pair)), higher_is_better=False, worst=1000.0)
    LAYERCAM = CamMethod(by_layer(lambda f, g: (g.relu() * f).sum(1).relu()))
    SHARE = QualityScore("share of the predicted voxels", lambda case: float(
        (case.labels > 0).float().mean()))


    def _decode(path, *, stored=False):
        with path.open("rb") as file:
            return Decoded(np.load(file)[None], np.eye(3))

    def _write(path, array, grid, like):
        import io
        stream = io.BytesIO()
        np.save(stream, array)
        write_bytes(path, stream.getvalue())

    RAW = Format(_decode, _write, 2)


    def _read(folder, problems):
        facts = json.loads((folder / "flat.json").read_text())
        cases = []
        for image in sorted(folder.glob("*-image.png")):
            mask = image.with_name(image.name.replace("image", "mask"))
            if not mask.is_file():
                problems.append(Problem(str(image), "has no mask", f"add {mask.name}"))
                continue
            cases.append(Case(image.name.removesuffix("-image.png"), (image,), mask))
        return Dataset(folder, "flat", ("gray",), facts, ".png", ".png", tuple(cases))

    FLAT = Layout(lambda folder: (folder / "flat.json").is_file(), _read)
'''
OWN_ENTRIES = {
    "segscope.networks:plain_net": "Net",
    "segscope.losses:brier": "Brier",
    "segscope.metrics:bias_voxels": "BIAS",
    "segscope.cam_methods:layercam": "LAYERCAM",
    "segscope.quality_scores:share": "SHARE",
    "segscope.formats:.npa": "RAW",
    "segscope.layouts:flat": "FLAT",
}
