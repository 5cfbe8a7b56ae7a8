"""Answers that a user gives outside the questionnaire: presets, files and `--data`."""

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
    """The answers that were given, each checked against its question; the later source wins, in this order."""
    answers: dict[str, Any] = {}
    if preset is not None:
        presets = template.presets
        if preset not in presets:
            raise Stop(f"There is no preset {preset!r}. Allowed: {', '.join(presets)}.", ExitCode.USAGE)
        answers |= presets[preset].answers
    if file is not None:
        answers |= _read(file, template.recorded)
    answers |= dict(_pair(pair) for pair in data)
    if framework is not None:
        answers["framework"] = framework
    return {key: _check(template, key, value) for key, value in answers.items()}


def _read(file: Path, recorded: set[str]) -> dict[str, Any]:
    """The answers in a YAML file. In the answers file of a project, some are not answers but `recorded`."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Stop(f"{file} cannot be read: {error.strerror}.", ExitCode.USAGE) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise Stop(f"{file} is not YAML: {' '.join(str(error).split())}", ExitCode.USAGE) from error
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise Stop(f"{file} does not hold answers: one `question: answer` a line is expected.", ExitCode.USAGE)
    return {key: value for key, value in content.items() if not key.startswith("_") and key not in recorded}


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise Stop(f"--data {text!r}: KEY=VALUE is expected.", ExitCode.USAGE)
    return key, value


def _check(template: Template, key: str, value: Any) -> Any:
    """The answer in its question's type. What free text may be, its question says while Copier asks it."""
    if key not in template.questions:
        raise Stop(f"There is no question {key!r}. Allowed: {', '.join(template.questions)}.", ExitCode.USAGE)
    if template.questions[key].get("type") == "bool":
        truth = yaml.safe_load(value) if value in ("true", "false") else value
        if isinstance(truth, bool):
            return truth
    elif template.questions[key].get("multiselect"):
        values = (
            [part.strip() for part in value.strip("[]").split(",") if part.strip()] if isinstance(value, str) else value
        )
        if isinstance(values, list) and all(each in template.choices(key) for each in values):
            return values
    elif isinstance(value, str) and value in (template.choices(key) or [value]):
        return value
    allowed = ", ".join(template.choices(key)) or "text (in a YAML file, in quotes)"
    raise Stop(f"{key}: {value!r} is not allowed. Allowed: {allowed}.", ExitCode.USAGE)
