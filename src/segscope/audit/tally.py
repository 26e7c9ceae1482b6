"""Sums over the pieces of one case, and the scores that they make: of all layers at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from segscope.audit.places import LayerShape, places
from segscope.audit.result import LayerScores, UnitScores
from segscope.explain.ability import Ability, ability_from_counts, reference_sizes
from segscope.features import Yardstick, map_counts

_HELD_VALUES = 2**20
"""Values of maps that wait to be counted together with those of other layers: 4 MiB."""


@dataclass
class Tally:
    """Everything that is summed over the pieces of one case.

    Args:
        layers: Per layer, counts ``(guides, classes, 1 + R)`` of `Yardstick.decided`.
        units: Per layer, counts ``(guides, C, classes, 1 + R)``.
        output: Likewise of the network's own answer, ``(classes, 1 + R)``.
        references: Voxels of each reference, ``(R, classes)``.
        total: All voxels that count.
        said: Notes, each once.
        shapes: Size of each layer, in the order in which they run.
    """

    layers: dict[str, Tensor] = field(default_factory=dict)
    units: dict[str, Tensor] = field(default_factory=dict)
    output: Tensor | None = None
    references: Tensor | None = None
    total: float = 0.0
    said: dict[str, None] = field(default_factory=dict)
    shapes: dict[str, LayerShape] = field(default_factory=dict)

    def add_output(
        self, guide: Tensor, references: Sequence[Tensor], tissue: Tensor | None
    ) -> None:
        """Count the network's answer and the references themselves."""
        sizes = [reference_sizes(reference, guide, tissue) for reference in references]
        known = torch.cat([size for size, _ in sizes])
        self.references = known if self.references is None else self.references + known
        self.total += float(sizes[-1][1])
        found = map_counts(guide, references, tissue=tissue)
        counts = torch.cat([found.size[0, :, None], found.overlap[0]], -1)
        self.output = counts if self.output is None else self.output + counts

    def layer_scores(self) -> tuple[LayerScores, ...]:
        """Scores of every layer's map, and of chance: the guide moved half the image away."""
        if not self.layers:
            return ()
        found = _listed(self._ability(torch.stack(list(self.layers.values()))))
        has_truth = len(_known(self.references)) > 1
        where = places({name: self.shapes[name] for name in self.layers})
        return tuple(
            LayerScores(
                layer=name,
                scores={kind: _column(values[k][0], 1) for kind, values in found.items()}
                if has_truth
                else {},
                agreement=_column(found["dice"][k][0], 0),
                chance=_column(found["dice"][k][1], 1) if has_truth else (),
                chance_agreement=_column(found["dice"][k][1], 0),
                place=where[name],
            )
            for k, name in enumerate(self.layers)
        )

    def unit_scores(self) -> Iterator[UnitScores]:
        """Scores of every unit that was looked at."""
        has_truth = len(_known(self.references)) > 1
        for name, counts in self.units.items():
            found, chance = self._ability(counts).dice.tolist()
            yield UnitScores(
                layer=name,
                dice=tuple(_column(unit, 1) for unit in found) if has_truth else (),
                agreement=tuple(_column(unit, 0) for unit in found),
                chance=tuple(_column(unit, 1) for unit in chance) if has_truth else (),
            )

    def output_scores(self) -> dict[str, tuple[float, ...]]:
        """Scores of the network's own answer against the truth."""
        found = _listed(self._ability(_known(self.output)))
        return {kind: _column(values, 1) for kind, values in found.items()}

    def _ability(self, counts: Tensor) -> Ability:
        references = _known(self.references).T
        total = torch.tensor(self.total, dtype=torch.float64)
        return ability_from_counts(counts[..., :1], counts[..., 1:], references, total)


class Look:
    """Looks at the layers of one piece, one at a time.

    Args:
        tally: Takes the counts.
        rule: Of the piece: the guide, and the guide for chance.
        unit_layers: Names of the layers whose units are looked at.
    """

    def __init__(self, tally: Tally, rule: Yardstick, unit_layers: Sequence[str]) -> None:
        self.tally, self.rule, self.unit_layers = tally, rule, unit_layers
        self._heat: list[tuple[int, Tensor]] = []
        self._held: dict[tuple[Any, ...], list[tuple[str, Tensor]]] = {}

    def at(self, name: str, features: Tensor) -> None:
        """Take a layer's features; they are not needed afterwards.

        Raises:
            ValueError: They do not belong to the output.
        """
        guide = self.rule.guides[0]
        if len(features) != 1 or features.ndim != guide.ndim:
            raise ValueError(
                f"layer {name}: features {tuple(features.shape)} do not belong to an output of "
                f"shape {tuple(guide.shape)}; leave it out of layers"
            )
        self.tally.shapes[name] = LayerShape.of(features.shape, guide.shape)
        try:
            logits = self.rule.small_logits(features)
            if name in self.unit_layers:
                counts, mean_map = self.rule.units(features)
                _add(self.tally.units, name, counts)
                self._heat.append((features.shape[1], mean_map))
        except ValueError as error:
            raise ValueError(f"layer {name}: {error}") from None
        # layers of one grid are interpolated and counted together: fewer, larger operations
        key = (tuple(logits.shape), logits.dtype)
        held = self._held.setdefault(key, [])
        held.append((name, logits))
        if len(held) * logits.shape[:2].numel() * guide[0, 0].numel() >= _HELD_VALUES:
            self._count(self._held.pop(key))

    def finish(self, names: Sequence[str]) -> None:
        """Count what waits, and bring the layers into their order."""
        for held in self._held.values():
            self._count(held)
        self._held.clear()
        self.tally.layers = {name: self.tally.layers[name] for name in names}

    def heat_map(self) -> Tensor | None:
        """Average over the units of all looked-at layers, ``(1, classes, *P)``."""
        if not self._heat:
            return None
        total = sum(units for units, _ in self._heat)
        parts = [units * mean.cpu() for units, mean in self._heat]
        return sum(parts[1:], parts[0]) / total

    def _count(self, held: Sequence[tuple[str, Tensor]]) -> None:
        counts = self.rule.decided([logits for _, logits in held])
        for (name, _), own in zip(held, counts, strict=True):
            _add(self.tally.layers, name, own)


def _add(sums: dict[str, Tensor], name: str, counts: Tensor) -> None:
    sums[name] = sums[name] + counts if name in sums else counts


def _known(x: Tensor | None) -> Tensor:
    if x is None:
        raise RuntimeError("a case is counted before it is scored")
    return x


def _listed(found: Ability) -> dict[str, Any]:
    return {kind: getattr(found, kind).tolist() for kind in Ability.__dataclass_fields__}


def _column(rows: Sequence[Sequence[float]], reference: int) -> tuple[float, ...]:
    return tuple(row[reference] for row in rows)
