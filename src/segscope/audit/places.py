"""Where a layer stands in a network, in words that need no module's name."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class LayerShape:
    """Size of a layer's features.

    Args:
        channels: How many.
        steps: How many voxels of the output one of theirs is wide, per axis.
    """

    channels: int
    steps: tuple[int, ...]

    @classmethod
    def of(cls, features: Sequence[int], output: Sequence[int]) -> "LayerShape":
        """Take it from the shapes ``(N, C, *s)`` and ``(N, K, *S)``."""
        sides = zip(output[2:], features[2:], strict=True)
        return cls(features[1], tuple(max(1, round(large / small)) for large, small in sides))

    @property
    def resolution(self) -> str:
        """As a share of the output's.

        Example:
            >>> LayerShape(8, (4, 4)).resolution, LayerShape(8, (1, 2)).resolution
            ('1/4', '1/1x2')
        """
        alike = len(set(self.steps)) == 1
        return f"1/{self.steps[0] if alike else 'x'.join(map(str, self.steps))}"


def places(shapes: Mapping[str, LayerShape]) -> dict[str, str]:
    """Say of each layer, in the order in which they run, where it stands.

    In a network whose features become coarser and then finer again, as a U-Net's do, what comes up
    to the coarsest is the encoder, what comes after it the decoder; layers of one resolution are
    counted. Of other networks size and resolution are said.

    Example:
        >>> shapes = {"a": LayerShape(8, (1,)), "b": LayerShape(16, (2,)), "c": LayerShape(8, (1,))}
        >>> for place in places(shapes).values():
        ...     print(place)
        encoder 1/1 conv 1, 8 @ 1/1
        encoder 1/2 conv 1, 16 @ 1/2
        decoder 1/1 conv 1, 8 @ 1/1
    """
    sizes = [math.prod(shape.steps) for shape in shapes.values()]
    bottom = len(sizes) - 1 - sizes[::-1].index(max(sizes)) if sizes else 0
    valley = sizes == sorted(sizes[: bottom + 1]) + sorted(sizes[bottom + 1 :], reverse=True)
    seen: Counter[tuple[str, str]] = Counter()
    found = {}
    for number, (name, shape) in enumerate(shapes.items()):
        size = f"{shape.channels} @ {shape.resolution}"
        path = "encoder" if number <= bottom else "decoder"
        seen[path, shape.resolution] += 1
        count = seen[path, shape.resolution]
        found[name] = f"{path} {shape.resolution} conv {count}, {size}" if valley else size
    return found
