"""A frozen dataclass whose fields carry their own bounds and help."""

import dataclasses
import math
import os
import sys
import types
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from wrn.errors import ConfigError
from wrn.text import encodable


@dataclass(frozen=True, kw_only=True)
class Option:
    """One field of a config, as forms and command lines need it.

    Attributes:
        name: Field name, such as `widen_factor`.
        type: `int`, `float`, `bool` or `str`; `tuple` for a list of floats.
        optional: Whether `None` is allowed.
        default: Default value.
        label: Short name for a form.
        help: One or two sentences, with the source of the default.
        minimum: Smallest allowed value, or `None`.
        maximum: Largest allowed value, or `None`.
        below: Upper bound that is itself excluded, or `None`.
        choices: The allowed values, or an empty tuple.
    """

    name: str
    type: type
    optional: bool
    default: Any
    label: str
    help: str
    minimum: float | None = None
    maximum: float | None = None
    below: float | None = None
    choices: tuple[Any, ...] = ()


def option(
    default: Any,
    label: str,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    below: float | None = None,
    choices: tuple[Any, ...] = (),
    compare: bool = True,
) -> Any:
    """Declare a dataclass field with what `options` reports about it.

    Args:
        default: Default value, or a function that returns it.
        label: See `Option`, as for the rest.
        help: See `Option`.
        minimum: See `Option`.
        maximum: See `Option`.
        below: See `Option`.
        choices: See `Option`.
        compare: Whether two configs that differ in the field alone are unequal.
    """
    metadata = {
        "label": label,
        "help": help,
        "minimum": minimum,
        "maximum": maximum,
        "below": below,
        "choices": choices,
    }
    if callable(default):
        return dataclasses.field(
            default_factory=default, metadata=metadata, compare=compare
        )
    return dataclasses.field(default=default, metadata=metadata, compare=compare)


def options(config: type["Config"]) -> list[Option]:
    """List the fields of a config class in the order of declaration.

    Args:
        config: A config class.

    Returns:
        One `Option` a field.
    """
    hints = typing.get_type_hints(config)
    listed = []
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        kind, optional = _plain_type(hints[field.name])
        default = (
            field.default_factory()
            if field.default_factory is not dataclasses.MISSING
            else field.default
        )
        listed.append(
            Option(
                name=field.name,
                type=kind,
                optional=optional,
                default=default,
                **field.metadata,
            )
        )
    return listed


def as_text(value: Any) -> str:
    """Write a value of a setting as people read it: nothing at all is `none`."""
    if isinstance(value, tuple):
        return ", ".join(map(repr, value)) or "none"
    if isinstance(value, str):
        return value or "none"
    return str(value).lower()


def _plain_type(hint: Any) -> tuple[type, bool]:
    """Reduce `int | None` to (int, True) and `tuple[float, ...]` to (tuple, False)."""
    if isinstance(hint, types.UnionType):
        (kind,) = (arm for arm in typing.get_args(hint) if arm is not types.NoneType)
        return _plain_type(kind)[0], True
    return typing.get_origin(hint) or hint, False


class Config:
    """What all configs share: validation and a JSON form."""

    #: The name under which the config appears in messages and in JSON.
    section: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for option in options(type(self)):
            value = _checked(option, getattr(self, option.name))
            object.__setattr__(self, option.name, value)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain JSON types."""
        listed = {o.name: getattr(self, o.name) for o in options(type(self))}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in listed.items()}

    @classmethod
    def from_dict(cls, settings: Any) -> Self:
        """Build a config from plain JSON types.

        Args:
            settings: A mapping of field names to values. Fields that are
                absent take their defaults.

        Raises:
            ConfigError: If it is no mapping, has unknown fields, or a value is
                outside its bounds.
        """
        known = [option.name for option in options(cls)]
        if not isinstance(settings, dict):
            raise ConfigError(
                f"{cls.section} must be a mapping of settings. Received: {settings!r}"
            )
        unknown = sorted(str(name) for name in settings if name not in known)
        if unknown:
            raise ConfigError(
                f"{cls.section} has the settings {', '.join(known)}. "
                f"Received: {', '.join(unknown)}"
            )
        return cls(**settings)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed.

        Raises:
            ConfigError: If a changed value is outside its bounds.
        """
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]


def _checked(option: Option, value: Any) -> Any:
    """Return the value in its field's type, or raise `ConfigError`."""
    # NumPy's numbers and arrays, as in a sweep, and paths.
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if value is None and option.optional:
        return None
    if option.choices:
        # 16.0 and True equal numbers, but are none of them.
        if not any(value == c and type(value) is type(c) for c in option.choices):
            raise _refusal(option, value)
        return value
    # No float is near it, and Python would not say so but raise an OverflowError.
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        raise _refusal(option, value)
    if option.type is tuple:
        if not isinstance(value, (list, tuple)):
            raise _refusal(option, value)
        element = dataclasses.replace(option, type=float)
        try:
            return tuple(_checked(element, item) for item in value)
        except ConfigError:
            raise _refusal(option, value) from None
    if option.type is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    # bool is a subclass of int, and `depth=True` is a mistake.
    if type(value) is not option.type:
        raise _refusal(option, value)
    if isinstance(value, str) and value != encodable(value):
        raise ConfigError(
            f"{option.name} must be text that UTF-8 can encode. "
            f"Received: {value!r:.200}"
        )
    if option.type in (int, float) and not _within(option, value):
        raise _refusal(option, value)
    return value


def _within(option: Option, value: Any) -> bool:
    return (
        math.isfinite(value)
        and (option.minimum is None or value >= option.minimum)
        and (option.maximum is None or value <= option.maximum)
        and (option.below is None or value < option.below)
    )


def _refusal(option: Option, value: Any) -> ConfigError:
    return ConfigError(
        f"{option.name} must be {expectation(option)}. Received: {value!r:.200}"
    )


def listed(choices: Iterable[Any]) -> str:
    """List values, such as `last, "last and best"`: those with blanks in quotes."""
    texts = map(str, choices)
    return ", ".join(f'"{text}"' if " " in text else text for text in texts)


def expectation(option: Option) -> str:
    """Say in words which values an option takes, such as `a whole number, 1 to 20`."""
    if option.choices:
        return "one of " + listed(option.choices)
    nouns = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "text",
        tuple: "a list of numbers",
    }
    words = nouns[option.type]
    if option.maximum is not None:
        words += f", {option.minimum:.12g} to {option.maximum:.12g}"
    elif option.below is not None:
        words += f", at least {option.minimum:.12g} and below {option.below:.12g}"
    elif option.minimum is not None:
        words += f", at least {option.minimum:.12g}"
    return words + (" or nothing" if option.optional else "")
