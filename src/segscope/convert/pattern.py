"""Patterns over paths: ``{case}/{case}_flair.nii[.gz]`` finds files and what their names say."""

import re
from dataclasses import dataclass
from functools import cached_property

_TOKEN = re.compile(
    r"\{(?P<field>[A-Za-z_]\w*)(?::(?P<shape>[^{}]*(?:\{\d+(?:,\d*)?\}[^{}]*)*))?\}"
    r"|\[(?P<optional>[^\[\]]*)\]|(?P<deep>\*\*/)|(?P<star>\*)|(?P<text>.)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Pattern:
    """A path relative to the source, with named fields.

    ``{name}`` stands for any text without a slash, ``{name:REGEX}`` for what the expression
    matches, the second ``{name}`` for the same text again; ``[text]`` may be there or not, ``*`` is
    any text within a name, ``**/`` any folders. A pattern that ends with ``/`` is a folder of a
    DICOM series.

    Example:
        >>> Pattern("{case}/{case}_flair.nii[.gz]").match("p1/p1_flair.nii")
        {'case': 'p1'}
        >>> Pattern("{case}/{case}_flair.nii[.gz]").match("p1/p2_flair.nii") is None
        True

    Raises:
        ValueError: An expression is none, or could reach across folders.
    """

    text: str

    def __post_init__(self) -> None:
        if not self.text or self.text.startswith("/") or ".." in self.text.split("/"):
            raise ValueError(f"pattern {self.text!r}: expected a path below the source")
        _ = self._expression

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        seen: set[str] = set()
        parts = [_part(token, seen) for token in _TOKEN.finditer(self.text)]
        try:
            return re.compile("".join(parts))
        except re.error as error:
            raise ValueError(f"pattern {self.text!r}: {error}") from None

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields, in their order."""
        return tuple(self._expression.groupindex)

    @property
    def is_folder(self) -> bool:
        """Whether it names folders."""
        return self.text.endswith("/")

    def match(self, path: str) -> dict[str, str] | None:
        """Values of the fields, or None where the path is another one."""
        found = self._expression.fullmatch(path)
        return None if found is None else found.groupdict()


def _part(token: re.Match[str], seen: set[str]) -> str:
    if name := token["field"]:
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        shape = token["shape"] or "[^/]+?"
        if re.search(r"\((?!\?:)|/|(?<!\\)\.", shape) and token["shape"]:
            raise ValueError(
                f"field {name}: {shape!r} holds a group, a slash or a bare dot; use classes such "
                r"as \d or [a-z]"
            )
        return f"(?P<{name}>{shape})"
    if token["optional"] is not None:
        return f"(?:{re.escape(token['optional'])})?"
    if token["deep"]:
        return "(?:[^/]+/)*"
    return "[^/]*" if token["star"] else re.escape(token["text"])
