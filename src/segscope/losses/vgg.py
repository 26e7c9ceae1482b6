"""The first layers of VGG19: what the content loss looks through.

Simonyan and Zisserman 2014, arXiv:1409.1556, table 1, column E. Names of tensors are those of
torchvision's checkpoint (``features.N.weight``), so that its ImageNet weights load; only the layers
below the last pooling asked for are built, 260,160 parameters of 143,667,240 for the first two.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional

from segscope.errors import InputError
from segscope.features.state_dicts import as_numbers, match_names
from segscope.features.state_files import ENDINGS, read_weights

# of RGB in 0..1: the statistics that torchvision's ImageNet weights were trained with
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

HUB = {"imagenet": "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"}

_BLOCKS = ((0, 2), (5, 7), (10, 12, 14, 16), (19, 21, 23, 25), (28, 30, 32, 34))
_WIDTHS = (64, 128, 256, 512, 512)
_OTHERS = {f"classifier.{k}.{what}" for k in (0, 3, 6) for what in ("weight", "bias")}
_LAYOUT = _OTHERS | {
    f"features.{k}.{what}" for block in _BLOCKS for k in block for what in ("weight", "bias")
}
_LISTED = 12

Read = Callable[[str], Tensor]


class VGG19Features(nn.Module):
    """VGG19 up to its pooling layers: frozen, in evaluation, 2D.

    Args:
        weights: ``imagenet``: from the cache, else downloaded (548 MB). A path: a ``.safetensors``,
            ``.pt``, ``.pth``, ... file in torchvision's layout. A mapping: a state dict.
            ``random``: drawn from ``seed``, for trials and tests only.
        pools: Which of the pooling layers 1 to 5 to return, ascending.
        cache: Folder where ``imagenet`` is looked for and kept; torch.hub's where not given.
        seed: Of ``random``; the caller's random state is left alone.

    Attributes:
        source: Where the weights came from, for a run's record.
        notes: What was done to make them fit, likewise.

    Shape:
        Input ``(N, 3, H, W)``, RGB in 0..1 less `MEAN`, divided by `STD`; sides of at least
        `smallest`. Output one map per pool, ``(N, 64, H/2, W/2)``, ``(N, 128, H/4, W/4)``, ...,
        sides rounded down.

    Raises:
        ValueError: Pools as above are not given.
        InputError: No such weights, or not VGG19's; tensors at fault are named.

    Example:
        >>> phi = VGG19Features("random", pools=(1, 2))
        >>> [tuple(found.shape) for found in phi(torch.zeros(1, 3, 8, 8))]
        [(1, 64, 4, 4), (1, 128, 2, 2)]
        >>> phi.source
        'random (seed 0)'
    """

    def __init__(
        self,
        weights: str | Path | Mapping[str, Tensor] = "imagenet",
        pools: Sequence[int] = (1, 2),
        *,
        cache: Path | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.pools = tuple(pools)
        self.notes: list[str] = []
        if not (self.pools and list(self.pools) == sorted(set(self.pools) & set(range(1, 6)))):
            raise ValueError(f"pools must be some of 1 to 5, ascending, got {self.pools}")
        inputs, self.features = 3, nn.ModuleDict()
        for block, width in zip(_BLOCKS[: max(self.pools)], _WIDTHS, strict=False):
            for place in block:
                # skip_init: drawing weights that are replaced would move the caller's random state
                conv = nn.utils.skip_init(nn.Conv2d, inputs, width, 3, padding=1)
                self.features[str(place)], inputs = conv, width
        if isinstance(weights, str) and weights == "random":
            self.source = f"random (seed {seed})"
            self._draw(seed)
        else:
            self.source = self._take(weights, cache)
        self.requires_grad_(False)
        self.eval()

    @property
    def smallest(self) -> int:
        """Shortest side of an image that leaves something after the last pooling."""
        return 1 << max(self.pools)

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation: no layer here differs, and none is to."""
        return super().train(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        if x.device.type == "cpu":  # a fifth faster there, pooling six times
            x = x.contiguous(memory_format=torch.channels_last)
        found = []
        for number, block in enumerate(_BLOCKS[: max(self.pools)], 1):
            for place in block[:-1]:
                x = functional.relu(self.features[str(place)](x), inplace=True)
            # the largest of rectified values is the largest, rectified: on a quarter of the pixels
            x = functional.max_pool2d(self.features[str(block[-1])](x), 2)
            x = functional.relu(x, inplace=True)
            if number in self.pools:
                found.append(x)
        return found

    def _draw(self, seed: int) -> None:
        random = torch.Generator().manual_seed(seed)
        for name, value in self.state_dict().items():
            if name.endswith("bias"):
                nn.init.zeros_(value)
            else:
                nn.init.kaiming_normal_(value, nonlinearity="relu", generator=random)

    def _take(self, weights: str | Path | Mapping[str, Tensor], cache: Path | None) -> str:
        if isinstance(weights, Mapping):
            self._fill("state dict", set(weights), weights.__getitem__)
            return "state dict"
        file = find_weights(weights, cache)
        if file.suffix.lower() == ".safetensors":
            try:
                with safe_open(file, framework="pt") as opened:  # reads what is asked for only
                    self._fill(str(file), set(opened.keys()), opened.get_tensor)
            except (SafetensorError, OSError) as error:
                raise InputError(f"{file}: is damaged ({error}); copy it again") from None
        else:
            # mapped, so that only what is taken is read
            state = read_weights(file, mapped=True)
            self.notes.extend(state.notes)
            self._fill(str(file), set(state), state.__getitem__)
        return f"{weights} ({file})" if weights in HUB else str(file)

    def _fill(self, name: str, keys: set[str], read: Read) -> None:
        own = self.state_dict()
        known, extra = self._matched(keys)
        faults = [f"{key}: is missing" for key in own if key not in known]
        faults += [f"{key}: VGG19 has no such tensor" for key in extra]
        converted = set()
        for key, theirs in known.items():
            value = read(theirs)
            if value.shape != own[key].shape:
                wanted, got = tuple(own[key].shape), tuple(value.shape)
                faults.append(f"{key}: shape {wanted} expected, {got} found")
                continue
            try:
                own[key].copy_(as_numbers(value, own[key].dtype))
                converted.add(value.dtype)
            except ValueError as error:
                faults.append(f"{key}: {error}")
        if faults:
            rest = len(faults) - _LISTED
            raise InputError(
                f"{name}: does not hold VGG19 in torchvision's layout; download {HUB['imagenet']}",
                [*faults[:_LISTED], *([f"and {rest} more"] if rest > 0 else [])],
            )
        kinds = sorted(str(kind) for kind in converted - {torch.float32})
        self.notes += [f"its {kind} numbers were converted" for kind in kinds]

    def _matched(self, keys: set[str]) -> tuple[dict[str, str], list[str]]:
        """Own names to the file's, and those of the file that VGG19 has not."""
        own = self.state_dict()
        known = match_names(keys, own, others=_LAYOUT)
        if known is None:
            return {key: key for key in own if key in keys}, sorted(keys - _LAYOUT)
        if any(key != theirs for key, theirs in known.items()):
            self.notes.append("a prefix was taken off its names")
        return known, []


def find_weights(weights: str | Path, cache: Path | None = None) -> Path:
    """Return the file of weights that a name or a path stands for, downloaded if it must be.

    Args:
        weights: A name in `HUB`, or a path.
        cache: Folder for names, where ``vgg19-dcbb9e9d`` may lie as ``.safetensors`` or ``.pth``;
            torch.hub's (``TORCH_HOME``) where not given.

    Raises:
        InputError: No such name or file, or the download failed; with what to do.
    """
    if not isinstance(weights, str) or weights not in HUB:
        return _existing(Path(weights))
    folder = Path(torch.hub.get_dir()) / "checkpoints" if cache is None else cache
    url = HUB[weights]
    file = folder / url.rsplit("/", 1)[1]
    for known in (file.with_suffix(".safetensors"), file):
        if known.is_file():
            return known
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # into a temporary file, and refused unless its hash begins as the name ends
        torch.hub.download_url_to_file(
            url, str(file), hash_prefix=file.stem.split("-")[1], progress=False
        )
    except (OSError, RuntimeError) as error:  # URLError is an OSError, a wrong hash is not
        raise InputError(
            f"weights {weights!r} are not in {folder} and could not be fetched ({error}); "
            f"download {url} elsewhere and copy it there, or give its path as weights=; "
            'weights="random" is for trials'
        ) from None
    return file


def _existing(file: Path) -> Path:
    if file.suffix.lower() not in ENDINGS:
        known = ", ".join((*HUB, "random"))
        raise InputError(f"{file}: weights are {known}, or a {', '.join(ENDINGS)} file")
    if not file.is_file():
        raise InputError(f"{file}: no such file of weights; check the path")
    return file
