"""Options that go together as one argument of a command: each field is an option of its own."""

import inspect
from collections.abc import Callable
from dataclasses import Field, fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take dataclasses of options; the command line sees their fields.

    The fields stand in the dataclass's place, in their order. Their types are as options have them,
    ``Annotated[..., typer.Option(...)]``; a value by which the command replaces the dataclass's
    defaults is a default of its argument.

    Args:
        command: All its arguments can be given by name.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Size:
        ...     width: int = 4
        ...     height: int = 3
        >>> @grouped
        ... def area(name: str, size: Size = Size(height=2)) -> None:
        ...     print(name, size.width * size.height)
        >>> str(inspect.signature(area))
        '(*, name: str, width: int = 4, height: int = 2) -> None'
        >>> area(name="door", width=1)
        door 2
    """
    hints = get_type_hints(command, include_extras=True)
    signature = inspect.signature(command)
    seen: list[inspect.Parameter] = []
    groups: dict[str, type] = {}
    for name, parameter in signature.parameters.items():
        if is_dataclass(group := hints[name]) and isinstance(group, type):
            groups[name] = group
            seen += _fields(group, parameter.default)
        else:
            seen.append(
                parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[name])
            )
    defaults = {one.name: one.default for one in seen if one.default is not one.empty}

    @wraps(command)
    def take(**given: Any) -> None:
        values = defaults | given
        for name, group in groups.items():
            values[name] = group(**{one.name: values.pop(one.name) for one in fields(group)})
        command(**values)

    told: Any = take  # a function takes any attribute, its type does not
    told.__signature__ = signature.replace(parameters=seen)
    told.__annotations__ = {one.name: one.annotation for one in seen} | {"return": None}
    return take


def _fields(group: type, given: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)

    def default(one: "Field[Any]") -> Any:
        return one.default if given is inspect.Parameter.empty else getattr(given, one.name)

    return [
        inspect.Parameter(
            one.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=default(one),
            annotation=hints[one.name],
        )
        for one in fields(group)
    ]
