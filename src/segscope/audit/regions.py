"""Scores of regions, each of which is measured by itself, beside each other as classes are."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from segscope.audit.result import LayerScores, UnitScores, Values


def joined_layers(regions: Sequence[Sequence[LayerScores]]) -> tuple[LayerScores, ...]:
    """Put the layers' scores of several regions together: one number a region.

    Example:
        >>> one = LayerScores("a", {}, (0.5,), (), (0.1,))
        >>> joined_layers([[one], [one]])[0].agreement
        (0.5, 0.5)
    """
    return tuple(
        LayerScores(
            layer=own[0].layer,
            scores=joined_output([one.scores for one in own]),
            agreement=_chained(one.agreement for one in own),
            chance=_chained(one.chance for one in own),
            chance_agreement=_chained(one.chance_agreement for one in own),
            place=own[0].place,
        )
        for own in zip(*regions, strict=True)
    )


def joined_units(regions: Sequence[Sequence[UnitScores]]) -> tuple[UnitScores, ...]:
    """The same for the units of layers."""
    return tuple(
        UnitScores(
            layer=own[0].layer,
            dice=_each([one.dice for one in own]),
            agreement=_each([one.agreement for one in own]),
            chance=_each([one.chance for one in own]),
        )
        for own in zip(*regions, strict=True)
    )


def joined_output(regions: Sequence[Mapping[str, Values]]) -> dict[str, Values]:
    """The same for scores by name."""
    return {name: _chained(one[name] for one in regions) for name in regions[0]}


def _each(regions: Sequence[Sequence[Values]]) -> tuple[Values, ...]:
    return tuple(_chained(unit) for unit in zip(*regions, strict=True))


def _chained(values: Iterable[Values]) -> Values:
    return tuple(chain.from_iterable(values))
