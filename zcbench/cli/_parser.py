"""The parser of the command line: its help at 80 columns, and errors that name the closest word."""

from __future__ import annotations

import argparse
import difflib
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from zcbench._display import SENTENCE, plain
from zcbench.cli._status import MISUSED

#: description of a valid value, by the function that converts it
_TYPES: dict[Any, str] = {int: "a whole number", float: "a number"}


class Help(argparse.RawDescriptionHelpFormatter):
    """A formatter that fills paragraphs without breaking words, and does not change indented lines (commands)."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.strip("\n").split("\n\n")
        return "\n\n".join(p if "\n " in p else _filled(p, width) for p in paragraphs)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return _filled(" ".join(text.split()), width).split("\n")

    def add_usage(
        self, usage: str | None, actions: Iterable[argparse.Action], groups: Any, prefix: str | None = None
    ) -> None:
        """Show positional arguments and required options; all others are "[options]"."""
        actions = [*actions]
        wanted = [action for action in actions if action.required or not action.option_strings]
        if usage is None and len(wanted) < len(actions):
            options = argparse.Action(["[options]"], "options", nargs=0, required=True)
            wanted = [*(action for action in wanted if action.option_strings), options, *wanted]
            wanted = list(dict.fromkeys(wanted))
        super().add_usage(usage, wanted, (), prefix)


def _filled(text: str, width: int) -> str:
    return textwrap.fill(text, width, break_on_hyphens=False, break_long_words=False)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence with advice."""

    def error(self, message: str) -> NoReturn:
        """End with status 2 and one sentence."""
        message = re.sub(r"^argument (.+?): expected (?:one|at least one) argument$", r"\1 needs a value", message)
        message = re.sub(r"^argument (.+?): (.+)$", r"\1: \2", message)
        message = re.sub(r"^the following arguments are required: ", "missing: ", message)
        self.exit(MISUSED, f"{plain(f'{self.prog}: {message}', 2 * SENTENCE)}; see  {self.prog} --help\n")

    def check_options(self, words: Sequence[str]) -> None:
        """End with an error if a word is an unknown option, because argparse may read its value as an argument."""
        parser = self._innermost(words)
        known = [option for action in parser._actions for option in action.option_strings]
        for word in words:
            name = word.partition("=")[0]
            if name.startswith("--") and len(name) > 2 and not any(option.startswith(name) for option in known):
                parser.unknown([word])

    def _innermost(self, words: Sequence[str]) -> Parser:
        """Return the parser of the named action, such as "curves predict", or else this parser."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                inner = next((action.choices[word] for word in words if word in action.choices), None)
                if isinstance(inner, Parser):
                    return inner._innermost(words)
        return self

    def unknown(self, words: Sequence[str], line: Sequence[str] = ()) -> NoReturn:
        """End with an error that names an unknown argument, and the option that was probably meant.

        Args:
            words: the arguments.
            line: the whole command line.
        """
        first = words[0]
        if not first.startswith("-"):
            self.error(f"one argument too many: {first!r}{self._about_lists(first, line)}")
        options = [
            option for action in self._actions if action.help != argparse.SUPPRESS for option in action.option_strings
        ]
        close = difflib.get_close_matches(first.partition("=")[0], options, n=1)
        advice = f": did you mean {close[0]}?" if close else ""
        self.error(f"unknown option {first.partition('=')[0]}{advice}")

    def _about_lists(self, word: str, line: Sequence[str]) -> str:
        """Return advice on writing several names if a word follows the names of an option, else ""."""
        place = next((k for k, other in enumerate(line) if other == word), 0)
        option = next((k for k in range(place - 1, -1, -1) if line[k].startswith("--")), None)
        if option is None or place - option < 2:
            return ""
        action = self._option_string_actions.get(line[option])
        if action is None or action.metavar not in ("NAMES", "N,N", "COLUMNS", "STATUSES"):
            return ""
        return f", separate names by commas: {line[option]} {','.join(line[option + 1 : place + 1])}"

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        known = [str(choice) for choice in action.choices]
        close = difflib.get_close_matches(str(value), known, n=1)
        advice = f"did you mean {close[0]!r}?" if close else f"choose from {', '.join(known)}"
        if isinstance(action, argparse._SubParsersAction):
            raise argparse.ArgumentError(None, f"unknown {str(action.metavar).lower()} {value!r}: {advice}")
        raise argparse.ArgumentError(action, f"{value!r} is not a choice: {advice}")

    def _get_value(self, action: argparse.Action, text: str) -> Any:
        wanted = _TYPES.get(action.type)
        try:
            return super()._get_value(action, text)
        except argparse.ArgumentError:
            if wanted is None:
                raise
            raise argparse.ArgumentError(action, f"{text!r} is not {wanted}") from None
