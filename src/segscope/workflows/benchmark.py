"""How fast this machine is at what users wait for, in about a minute: so that they can plan.

Every number is measured here and now, on made images, with the networks that `segscope train`
plans by default: the first round warms up, the median of the others is kept.
"""

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from segscope.progress import track

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from segscope.data import Dataset
    from segscope.images import Fingerprint
    from segscope.networks import Segmenter
    from segscope.training import Recipe

_SIZES = {"2d": (256, 256), "3d": (128, 128, 128)}
_LABELS = {"background": 0, "object": 1}
_SIDE = 128
_PIECE_S = 3.0
_FEWEST = 2
_MOST_ROUNDS = 20


@dataclass(frozen=True)
class Step:
    """Training and prediction with the default recipe of made images of one size.

    Args:
        image: Voxels per axis of the images that it was planned for.
        patch: Of a sample.
        batch: Samples per step.
        step_s: Seconds per training step: forward, loss, backward, optimiser.
        step_bf16_s: The same in bfloat16; None where the device has no instructions for it.
        predict_s: Seconds to predict one such image, windows overlapping by half; from the time of
            a part of it and the number of windows of both.
    """

    image: tuple[int, ...]
    patch: tuple[int, ...]
    batch: int
    step_s: float
    step_bf16_s: float | None
    predict_s: float

    def steps_in(self, minutes: float) -> int:
        """Steps of a training of so many minutes."""
        return int(minutes * 60 / self.step_s)


@dataclass(frozen=True)
class MachineSpeed:
    """What was measured.

    Args:
        device: ``cpu``, ``cuda`` or ``mps``.
        threads: That torch uses on the processor.
        matmul_gflops: Multiplications and additions per second of a float32 matrix product, 1e9.
        matmul_bf16_gflops: The same in bfloat16; None where there are no instructions for it.
        read_gz_mb_s: Megabytes of voxels per second from a compressed NIfTI, checked.
        write_mb_s: Megabytes per second onto the disk of the temporary folder, until they are safe.
        evaluate_s: Seconds for all scores of one label in a volume of 128 x 128 x 128.
        steps: By ``2d`` and ``3d``.
    """

    device: str
    threads: int
    matmul_gflops: float
    matmul_bf16_gflops: float | None
    read_gz_mb_s: float
    write_mb_s: float
    evaluate_s: float
    steps: Mapping[str, Step]

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "steps": {name: asdict(one) for name, one in self.steps.items()}}

    def lines(self) -> Iterator[str]:
        """Say it for a person."""
        fast = self.matmul_bf16_gflops
        yield f"device {self.device}, {self.threads} threads"
        yield (
            f"matrix product: {self.matmul_gflops:.0f} GFLOP/s in float32, "
            + ("bfloat16 not supported" if fast is None else f"{fast:.0f} in bfloat16")
        )
        for one in self.steps.values():
            size, patch = (" x ".join(map(str, part)) for part in (one.image, one.patch))
            half = "" if one.step_bf16_s is None else f" ({one.step_bf16_s:.2g} s in bfloat16)"
            yield (
                f"images of {size}: a training step {one.step_s:.2g} s{half}, patch {patch}, "
                f"batch {one.batch}: {one.steps_in(15)} steps in 15 minutes; "
                f"to predict one {one.predict_s:.2g} s"
            )
        yield f"reading .nii.gz: {self.read_gz_mb_s:.0f} MB/s; writing: {self.write_mb_s:.0f} MB/s"
        yield f"all scores of a label in 128 x 128 x 128: {self.evaluate_s:.2g} s"


def measure_machine(device: str = "auto") -> MachineSpeed:
    """Measure this machine, in about a minute.

    Args:
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        InputError: The device is not here.
    """
    import torch

    from segscope.inference import choose_device
    from segscope.inference.device import has_bf16

    half = has_bf16(where := choose_device(device))
    works: dict[str, Callable[[], Any]] = {
        "matrix product": lambda: _matmul(where, torch.float32),
        "matrix product, bfloat16": lambda: _matmul(where, torch.bfloat16) if half else None,
        "2d": lambda: _step("2d", where, half),
        "3d": lambda: _step("3d", where, half),
        "files": _files,
        "scores": _scores,
    }
    found = {name: work() for name, work in track(works.items(), "measuring", total=len(works))}
    return MachineSpeed(
        device=where.type,
        threads=torch.get_num_threads(),
        matmul_gflops=found["matrix product"],
        matmul_bf16_gflops=found["matrix product, bfloat16"],
        read_gz_mb_s=found["files"][0],
        write_mb_s=found["files"][1],
        evaluate_s=found["scores"],
        steps={name: found[name] for name in _SIZES},
    )


def _matmul(device: "torch.device", dtype: "torch.dtype", side: int = 1024) -> float:
    import torch

    a = torch.ones(side, side, device=device, dtype=dtype)
    return 2 * side**3 / _seconds(lambda: a @ a, device, most_s=1.0) / 1e9


def _step(kind: str, device: "torch.device", half: bool) -> Step:
    import torch

    from segscope.inference import TrainedModel, predict_prepared
    from segscope.inference.windows import window_starts
    from segscope.training import plan_recipe
    from segscope.training.planner import this_machine
    from segscope.training.setup import make_network, model_spec

    recipe = plan_recipe(_fingerprint(_SIZES[kind]), machine=this_machine(device.type))
    spec = model_spec(recipe, _dataset())
    net = make_network(spec, seed=0).to(device)
    step_s = _seconds(train := _training(recipe, net, device), device)
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        step_bf16_s = _seconds(train, device) if half else None
    net.eval()
    model = TrainedModel(spec, net)
    part = [min(n, p + p // 2) for n, p in zip(_SIZES[kind], recipe.patch, strict=True)]
    image = torch.rand(1, *part, generator=torch.Generator().manual_seed(0)).numpy()
    whole, measured = (
        math.prod(len(window_starts(n, p, 0.5)) for n, p in zip(sides, recipe.patch, strict=True))
        for sides in (_SIZES[kind], part)
    )
    predict_s = _seconds(lambda: predict_prepared(model, image, overlap=0.5), device)
    return Step(
        image=_SIZES[kind],
        patch=recipe.patch,
        batch=recipe.train.batch_size,
        step_s=step_s,
        step_bf16_s=step_bf16_s,
        predict_s=predict_s * whole / measured,
    )


def _training(recipe: "Recipe", net: "Segmenter", device: "torch.device") -> Callable[[], object]:
    """One training step on made samples, as `segscope.training.fit` takes it."""
    import torch

    from segscope.training.segmentation import make_optimizer
    from segscope.training.setup import make_objective

    numbers = torch.Generator().manual_seed(0)
    shape = (recipe.train.batch_size, 1, *recipe.patch)
    x = torch.rand(*shape, generator=numbers).to(device)
    y = torch.randint(0, 2, shape, generator=numbers).to(device)
    optimizer = make_optimizer(net, recipe.train)
    loss = make_objective(recipe, net, device).loss
    net.train()

    def step() -> None:
        loss(net.heads(x), y).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), recipe.train.gradient_clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def _fingerprint(size: tuple[int, ...]) -> "Fingerprint":
    """Of forty cases of one size with voxels of 1 mm and values from 0 to 1."""
    from segscope.images import ChannelStatistics, Fingerprint

    names = tuple(f"case{k}" for k in range(40))
    channel = ChannelStatistics(
        name="MRI",
        minimum=0,
        maximum=1,
        foreground_mean=0.5,
        foreground_sd=0.25,
        foreground_median=0.5,
        foreground_percentile_00_5=0,
        foreground_percentile_99_5=1,
    )
    return Fingerprint(
        dataset="made",
        image_dims=len(size),
        channels=(channel,),
        labels=_LABELS,
        cases=names,
        shapes=(size,) * len(names),
        spacings_mm=((1.0,) * len(size),) * len(names),
        label_voxels={0: 1, 1: 1},
        pcd_percent=50.0,
        cases_without_foreground=(),
    )


def _dataset() -> "Dataset":
    from segscope.data import Dataset

    return Dataset(Path(), "made", ("MRI",), _LABELS, ".nii.gz", ".nii.gz", ())


def _volume() -> "NDArray[np.int16]":
    """Smooth, and noisy in its lowest bits, as scans are: compression finds something, not all."""
    import numpy as np

    ramp = np.add.outer(np.add.outer(np.arange(_SIDE), np.arange(_SIDE)), np.arange(_SIDE))
    noise = np.random.default_rng(0).integers(0, 16, ramp.shape)
    return (ramp + noise).astype(np.int16)


def _files() -> tuple[float, float]:
    """Megabytes per second of reading a compressed volume, and of writing until it is safe."""
    import numpy as np

    from segscope.data import read_image, write_bytes, write_image
    from segscope.images import Grid, Image

    volume = _volume()
    size = volume.nbytes / 1e6
    raw = np.random.default_rng(0).bytes(32_000_000)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "volume.nii.gz"
        write_image(file, Image(volume[None], Grid(volume.shape, np.eye(4))))
        read_s = _seconds(lambda: read_image(file))

        def write() -> None:
            write_bytes(Path(folder) / "raw", raw)

        return size / read_s, len(raw) / 1e6 / _seconds(write)


def _scores() -> float:
    """Seconds for all scores of a ball of 64 voxels across, and the same moved by one voxel."""
    import numpy as np

    from segscope.metrics import evaluate_case

    axis = (np.arange(_SIDE) - _SIDE / 2) ** 2
    distance = np.add.outer(np.add.outer(axis, axis), axis)
    truth = (distance < (_SIDE / 4) ** 2).astype(np.uint8)
    moved = np.roll(truth, 1, axis=0)
    return _seconds(lambda: evaluate_case(moved, truth, (1.0, 1.0, 1.0), _LABELS))


def _seconds(
    work: Callable[[], object], device: "torch.device | None" = None, *, most_s: float = _PIECE_S
) -> float:
    """Median time of one round, after one to warm up; as many rounds as go into ``most_s``."""
    work()
    times: list[float] = []
    while len(times) < _FEWEST or (sum(times) < most_s and len(times) < _MOST_ROUNDS):
        _wait(device)
        began = time.perf_counter()
        work()
        _wait(device)
        times.append(time.perf_counter() - began)
    return median(times)


def _wait(device: "torch.device | None") -> None:
    """Until a graphics card has done all that it was given."""
    if device is not None and device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)
