"""The questions in a terminal: few screens, a way back, and a review before anything is written.

Copier would ask one question after the other. Most answers follow from the first one, so they are shown as a list, in
which any of them can be changed.
"""

import contextlib
import os
import re
import shlex
import shutil
import signal
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import platformdirs
import questionary
import yaml
from prompt_toolkit.application import get_app_session
from prompt_toolkit.input.typeahead import clear_typeahead

from groundplan.errors import Stop
from groundplan.template import NEITHER, Outcome, Template

CONTINUE, BACK = "continue", "back"  # values of choices that are not answers
WRITE = "Yes, write it"
COLUMNS = 80  # that the questions need
NEW = "GROUNDPLAN_NEW"  # set by the program that started this one: the command to start it again


class Interview:
    """Asks the questions that are open. `answers` has what was given or typed so far."""

    def __init__(self, template: Template, given: Mapping[str, Any], destination: str, directory: str) -> None:
        self.answers = dict(given)
        self._suggested = suggested(template, directory)
        self._given = frozenset(given)
        self._template = template
        self._destination = destination
        self._progress = ""
        names = list(template.questions)
        place = names.index("framework")
        self._criteria, self._settings = names[:place], names[place:]

    def run(self) -> dict[str, Any]:
        """Ask until nothing is open, and return the answers. `KeyboardInterrupt` and `EOFError`: the user has left."""
        screens = self._screens()
        if shutil.get_terminal_size().columns < COLUMNS:
            questionary.print(
                f"This terminal is too narrow for the questions. Widen it to {COLUMNS} columns to read them."
            )
        for number, screen in enumerate(screens, 1):
            self._progress = f"[{number} of {len(screens)}]"
            screen()
        return self.answers

    def complete(self, names: list[str]) -> dict[str, Any]:
        """Show the answers to new questions of a project that exists, and return them as they are or changed."""
        self._progress = "[new]"
        self._change("The template has new questions. Change any answer?", "No, continue", names)
        return {name: self._outcome().answers[name] for name in names}

    def _screens(self) -> list[Callable[[], object]]:
        """Return what asks the open questions, in order."""
        unasked = self._outcome().unasked

        def is_open(names: list[str]) -> bool:
            return any(name not in self._given and name not in unasked for name in names)

        def unless_neither(screen: Callable[[], object]) -> Callable[[], object]:
            """Leave out a screen that does not matter when nothing will be written."""
            return lambda: None if self._outcome().answers["framework"] == NEITHER else screen()

        first, others, name = self._criteria[:1], self._criteria[1:], self._settings[1:2]
        screens = [
            (first, lambda: self._ask(first[0])),
            (others, unless_neither(self._change_criteria)),
            (["framework"], self._choose_framework),
            (name, unless_neither(lambda: self._ask(name[0]))),
            ([*self._criteria, *self._settings], unless_neither(self._review)),
        ]
        return [screen for names, screen in screens if is_open(names)]

    def _outcome(self) -> Outcome:
        return self._template.decide(self._suggested | self.answers)

    def _ask(self, name: str, more: dict[str, str] | None = None) -> str:
        """Ask a question until the answer suits the others, and return it, or the value of one of `more` choices.

        Answers to questions that are no longer asked, such as those about another framework, are dropped.
        """
        while True:
            answer = self._outcome().ask(name, self._progress, more or {})
            if more and answer in more.values():
                return str(answer)
            answers = self.answers | {name: answer}
            try:
                outcome = self._template.decide(self._suggested | answers)
                self._template.check_asked([each for each in answers if each in self._given], outcome)
            except Stop as stop:
                questionary.print(str(stop))
                continue
            self.answers = {
                each: answers[each] for each in answers if each not in outcome.unasked or each in self._given
            }
            return str(answer)

    def _choose_framework(self) -> None:
        more = {"Look at the answers again": BACK} if self._criteria else {}
        while self._ask("framework", more) == BACK:
            self._change_criteria()

    def _change_criteria(self) -> None:
        if "framework" not in self._given:  # it follows from these answers again
            self.answers.pop("framework", None)
        self._change("These follow from your answers. Change any?", "No, continue", self._criteria)

    def _review(self) -> None:
        more = {"Look at the other answers again": BACK} if self._criteria else {}
        question = f"Write the project to {self._destination}?"
        while self._change(question, WRITE, self._settings, more) == BACK:
            self._change_criteria()
            self._choose_framework()

    def _change(self, message: str, accept: str, names: list[str], more: dict[str, str] | None = None) -> str:
        """Show a list of answers and let the user change them, until another choice is taken: return its value."""
        while True:
            outcome = self._outcome()
            if said := outcome.contradictions:
                questionary.print(said)
            rows = {row: name for name, row in outcome.rows(names).items()}
            choices = {accept: CONTINUE} | rows | (more or {})
            listed = [questionary.Choice(title, value) for title, value in choices.items()]
            menu = questionary.select(message, listed, CONTINUE, qmark=self._progress, erase_when_done=True)
            if accept == WRITE:
                forget_typed()
            chosen = str(menu.unsafe_ask())
            if chosen == "framework":
                self._choose_framework()
            elif chosen in names:
                self._ask(chosen)
            else:
                return chosen


def forget_typed() -> None:
    """Drop the keys that were typed before the next question: they are not its answer."""
    clear_typeahead(get_app_session().input)  # read already, with an earlier answer
    with contextlib.suppress(ImportError, OSError, ValueError):  # Windows has no termios
        import termios

        termios.tcflush(sys.stdin, termios.TCIFLUSH)


def suggested(template: Template, directory: str) -> dict[str, str]:
    """Return the name of a service that its directory suggests, as an answer, if it is a valid one."""
    words = re.split(r"[-_.\s]+", directory)
    answer = {"name": " ".join(word[:1].upper() + word[1:] for word in words if word)}
    try:
        template.decide(answer)
    except Stop:
        return {}
    return answer


def ask_new(template: Template, answers: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    """Ask the new questions of a project that exists. `KeyboardInterrupt`: the user has left."""
    try:
        return Interview(template, answers, "", "").complete(names)
    except EOFError as error:
        raise KeyboardInterrupt from error


@contextlib.contextmanager
def kept(interview: Interview, destination: Path, options: list[str]) -> Iterator[None]:
    """Keep the answers if the block fails, and say how to continue. `options` are those of `new`."""
    try:
        yield
    except (KeyboardInterrupt, EOFError) as error:
        raise Stop("\n" + _keep(interview, destination, options), 128 + signal.SIGINT) from error
    except Stop as stop:
        raise Stop(f"{stop}\n\n{_keep(interview, destination, options)}", stop.code) from stop
    except BaseException:  # a signal, perhaps because the terminal is gone
        with contextlib.suppress(OSError):
            sys.stderr.write(_keep(interview, destination, options) + "\n")
        raise


def _keep(interview: Interview, destination: Path, options: list[str]) -> str:
    """Write the answers into a file, and return the command that reads it."""
    answers = {name: answer for name, answer in interview.answers.items() if answer != NEITHER}
    new = os.environ.get(NEW) or f"{_program()} new"
    arguments = [str(destination), *options]
    if not answers:
        again = f" To start again:\n  {new} {shlex.join(arguments)}" if NEW in os.environ else ""
        return f"Nothing was written.{again}"
    place = zlib.crc32(os.fsencode(destination))  # other directories may have the same name
    file = platformdirs.user_state_path("groundplan") / f"{destination.name}-{place:08x}.yml"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(answers, sort_keys=False, allow_unicode=True), encoding="utf-8")
    except OSError as error:
        return f"Nothing was written, and the answers are lost: {file} cannot be written ({error.strerror})."
    command = f"{new} {shlex.join([*arguments, '--answers', str(file)])}"
    return f"Nothing was written. Your answers are kept. To continue with them:\n  {command}"


def _program() -> str:
    return "groundplan" if shutil.which("groundplan") else f"{shlex.quote(sys.executable)} -m groundplan"
