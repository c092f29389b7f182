"""Options of the commands, made from the config classes."""

import argparse
import dataclasses
from collections.abc import Callable
from typing import Any, NoReturn

from wrn.config import Config, Option, expectation, listed, options
from wrn.errors import ConfigError

#: Options whose name on the command line is not the field's.
_FLAGS = {"source": "data"}


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments."""
        raise ConfigError(f"{message}. Try: {self.prog} --help")


def command(
    commands: Any, name: str, function: Callable[..., int], help: str
) -> argparse.ArgumentParser:
    """Add a command, with the options that all have.

    Args:
        commands: The parser's commands.
        name: The word for it.
        function: Runs it; takes the parsed arguments, returns the exit code.
        help: What it does, in a few words.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help, description=help[0].upper() + help[1:] + "."
    )
    parser.set_defaults(command=function, refuse=parser.error)
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    parser.add_argument(
        "--quiet", action="store_true", help="show no progress on stderr"
    )
    return parser


def add_options(
    parser: argparse.ArgumentParser,
    section: type[Config],
    only: tuple[str, ...] | None = None,
    **defaults: Any,
) -> None:
    """Add a config's fields as options. What is not given stays out of the result."""
    group = parser.add_argument_group(section.section)
    for option in options(section):
        if only and option.name not in only:
            continue
        flag = flag_of(option.name)
        default = defaults.get(option.name, option.default)
        parser.set_defaults(**{f"default_{option.name}": default})
        help = f"{option.help} ({_bounds(option)}default: {_shown(default)})"
        choices = [str(choice) for choice in option.choices or ()]
        if not all(choice in option.help for choice in choices):
            help = f"{listed(choices)}. {help}"
        settings: dict[str, Any] = {
            "dest": option.name,
            "default": None,
            "help": help.replace("%", "%%"),
        }
        if option.type is bool:
            settings["action"] = argparse.BooleanOptionalAction
        else:
            settings["type"] = _reader(option)
            settings["metavar"] = "SOURCE" if flag == "--data" else option.type.__name__
        if option.type is tuple:
            settings["nargs"] = "*"
            settings["metavar"] = "float"
        group.add_argument(flag, **settings)


def flag_of(name: str) -> str:
    """Return the option that sets a field."""
    return "--" + _FLAGS.get(name, name).replace("_", "-")


def _bounds(option: Option) -> str:
    """Return which numbers an option takes; empty if it takes none, or all."""
    if option.choices or option.minimum is None:
        return ""
    # Who gives none leaves the option out.
    return expectation(dataclasses.replace(option, optional=False)) + "; "


def _shown(default: Any) -> str:
    if isinstance(default, tuple):
        return " ".join(map(str, default))
    return "none" if default in (None, "") else str(default)


def _reader(option: Option) -> Callable[[str], Any]:
    """Return what turns a word of the command line into the option's type."""
    kind = float if option.type is tuple else option.type

    def read(word: str) -> Any:
        try:
            return kind(word)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{option.name} must be {expectation(option)}. Received: {word!r}"
            ) from None

    return read


def given(section: type[Config], arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the fields that the person set."""
    return {
        option.name: getattr(arguments, option.name)
        for option in options(section)
        if getattr(arguments, option.name, None) is not None
    }


def config_of(section: type[Config], arguments: argparse.Namespace) -> Any:
    """Build a config from the options given and the command's defaults."""
    defaults = {
        option.name: getattr(arguments, f"default_{option.name}")
        for option in options(section)
        if hasattr(arguments, f"default_{option.name}")
    }
    return section.from_dict({**defaults, **given(section, arguments)})
