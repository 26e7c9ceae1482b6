"""Names that people type: what is a blank at their ends, what is the same name, what was meant."""

import unicodedata
from collections.abc import Collection, Iterable
from difflib import get_close_matches

_UNSEEN = ("Cc", "Cf", "Zl", "Zp", "Zs")  # controls, zero-width characters, blanks of every width
_LONG = 160
_ALIKE = 0.8  # share of equal letters from where on a mistyped name is guessed


def clean(text: str) -> str:
    """Take off what is not seen at both ends: blanks, tabs, zero-width and control characters.

    Example:
        >>> clean("\\ufeff lesion\\u00a0\\t")
        'lesion'
    """
    first, last = 0, len(text)
    while first < last and _unseen(text[first]):
        first += 1
    while first < last and _unseen(text[last - 1]):
        last -= 1
    return text[first:last]


def has_control(text: str) -> bool:
    """Whether a name holds a control character (a line break, a tab, NUL).

    Example:
        >>> has_control("a\\nb"), has_control("a b")
        (True, False)
    """
    return any(unicodedata.category(c) == "Cc" for c in text)


def alike(text: str) -> str:
    """Reduce a name to what readers tell names apart by: no capitals, no unseen characters.

    Example:
        >>> alike(" Left  Ventricle\\u200b") == alike("left ventricle")
        True
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    seen = "".join(c for c in folded if c.isspace() or not _unseen(c))
    return " ".join(seen.split())


def twice(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of names that readers cannot tell apart, in order.

    Example:
        >>> twice(["a", "B", "A ", "b"])
        [('a', 'A '), ('B', 'b')]
    """
    first: dict[str, str] = {}
    found = []
    for name in names:
        if alike(name) in first:
            found.append((first[alike(name)], name))
        else:
            first[alike(name)] = name
    return found


def meant(name: str, known: Collection[str]) -> str | None:
    """The known name that a mistyped one is closest to, if it is close.

    Example:
        >>> meant("lables", ["labels", "name"]), meant("split", ["labels", "name"])
        ('labels', None)
    """
    bare = {_bare(other): other for other in sorted(known)}
    close = get_close_matches(_bare(name), list(bare), n=1, cutoff=_ALIKE)
    return bare[close[0]] if close else None


def shown(value: object) -> str:
    """What was written, cut where it is long.

    Example:
        >>> shown("x" * 300)[-4:], len(shown("x" * 300))
        ('x...', 163)
    """
    said = repr(value)
    return said if len(said) <= _LONG else f"{said[:_LONG]}..."


def _bare(name: str) -> str:
    return "".join(c for c in alike(name) if c.isalnum())


def _unseen(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in _UNSEEN
