"""A document written as TOML, with what its files hold written in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from offhours.agents import laws
from offhours.sim.given import plain_text


def write_toml(document: Mapping[str, Any]) -> str:
    """A document as TOML: plain values first, then tables, then arrays of tables."""
    lines: list[str] = []

    def table(content: Mapping[str, Any], path: str) -> None:
        plain = {k: v for k, v in content.items() if not _is_table(v) and not _is_rows(v)}
        if path and (plain or not content):
            lines.append(f"\n[{path}]")
        lines.extend(f"{_key(key)} = {_inline(value)}" for key, value in plain.items())
        for key, value in content.items():
            at = f"{path}.{_key(key)}" if path else _key(key)
            if _is_table(value):
                table(value, at)
            elif _is_rows(value):
                for row in value:
                    lines.append(f"\n[[{at}]]")
                    lines.extend(f"{_key(k)} = {_inline(v)}" for k, v in row.items())

    table(document, "")
    return "\n".join(lines).lstrip("\n") + "\n"


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) and "value" not in value and "law" not in value and "file" not in value


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_inline(v)}" for k, v in value.items()) + " }" if value else "{}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _quote(plain_text(value))


def _key(key: str) -> str:
    bare = key and all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in key)
    return key if bare else _quote(key)


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def write_in_files(table: Any, folder: Path) -> None:
    """Replace each ``{ file, column }`` by the values that the file holds, so that a scenario stands alone."""
    items: Iterable[tuple[Any, Any]] = table.items() if isinstance(table, dict) else enumerate(table)
    for key, value in list(items):
        if isinstance(value, dict) and set(value) == {"file", "column"}:
            table[key] = {"law": "list", "values": laws.read_column(value, folder)}
        elif isinstance(value, (dict, list)):
            write_in_files(value, folder)
