"""Answers from outside the questionnaire: presets, files and `--data`."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from groundplan.errors import ExitCode, Stop
from groundplan.template import Template

LONGEST = 2**20  # bytes of an answers file


def collect(
    template: Template,
    *,
    preset: str | None = None,
    file: Path | None = None,
    data: Iterable[str] = (),
    framework: str | None = None,
) -> dict[str, Any]:
    """Return the given answers, checked against their questions.

    Later sources override earlier ones, in the order of the parameters.
    """
    answers: dict[str, Any] = {}
    if preset is not None:
        presets = template.presets
        if preset not in presets:
            raise Stop(f"Unknown preset {preset!r}. Allowed: {', '.join(presets)}.", ExitCode.USAGE)
        answers |= presets[preset].answers
    if file is not None:
        answers |= _read(file, template.recorded)
    pairs = [_pair(pair) for pair in data]
    if framework is not None:
        pairs.append(("framework", framework))
    typed = dict(pairs)
    for key in typed:
        if [each for each, _ in pairs].count(key) > 1:
            raise Stop(f"`{key}` is answered twice on the command line.", ExitCode.USAGE)
    answers |= typed
    return template.check(answers)


class _Loader(yaml.SafeLoader):
    """Read YAML, but reject a mapping that has a key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for number, key in enumerate(keys):
            if key in keys[:number]:
                raise yaml.constructor.ConstructorError(problem=f"it has {key!r} twice")
        return super().construct_mapping(node, deep)


def _read(file: Path, recorded: set[str]) -> dict[str, Any]:
    """Return the answers in a YAML file, without the values that a project's answers file only records."""
    try:
        if Path(os.path.realpath(file)).is_fifo():  # nobody may write to it; those of a shell, as in <(…), have no name
            raise Stop(f"{file} is a named pipe, not a file.", ExitCode.USAGE)
        with file.open("rb") as opened:
            text = opened.read(LONGEST + 1)
    except OSError as error:
        raise Stop(f"{file} cannot be read: {error.strerror}.", ExitCode.USAGE) from error
    if len(text) > LONGEST:
        raise Stop(f"{file} is too large for an answers file: the limit is {LONGEST // 2**20} MiB.", ExitCode.USAGE)
    try:
        content = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader; of bytes, it reads UTF-8 and UTF-16
    except RecursionError as error:
        raise Stop(f"{file} is nested too deeply.", ExitCode.USAGE) from error
    except (ValueError, yaml.YAMLError) as error:  # ValueError: a date such as 2026-13-01
        raise Stop(f"{file} is not valid YAML: {' '.join(str(error).split())}", ExitCode.USAGE) from error
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise Stop(f"{file} must contain one `question: answer` per line.", ExitCode.USAGE)
    return {key: value for key, value in content.items() if not key.startswith("_") and key not in recorded}


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise Stop(f"--data {text!r} must have the form KEY=VALUE.", ExitCode.USAGE)
    return key, value
