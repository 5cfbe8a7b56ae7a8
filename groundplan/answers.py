"""Answers from outside the questionnaire: presets, files and `--data`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from groundplan.errors import ExitCode, Stop
from groundplan.template import Template


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
    answers |= dict(_pair(pair) for pair in data)
    if framework is not None:
        answers["framework"] = framework
    return template.check(answers)


def _read(file: Path, recorded: set[str]) -> dict[str, Any]:
    """Return the answers in a YAML file, without the values that a project's answers file only records."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Stop(f"{file} cannot be read: {error.strerror}.", ExitCode.USAGE) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
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
