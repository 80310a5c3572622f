"""Keeps every SQLite table strict."""

import ast
import re

from tests.house.sources import ROOT, SHIPPED, Source, planted, sources, texts

OTHER_ENGINES: dict[str, str] = {}
"""Files whose SQL is not SQLite's, with the reason."""
CREATE = re.compile(
    r"\bCREATE\s+(?:TEMP(?:ORARY)?\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?([\w.\"{}]+)\s*\(", re.IGNORECASE
)


def lax_tables(sql: str) -> list[str]:
    """The tables that are created without STRICT."""
    plain = re.sub(r"--[^\n]*", "", sql)
    return [match[1] for match in CREATE.finditer(plain) if "STRICT" not in _options(plain, match.end()).upper()]


def _options(sql: str, start: int) -> str:
    """What stands between the closing bracket of a table's columns and the end of its statement."""
    depth = 1
    for position in range(start, len(sql)):
        depth += {"(": 1, ")": -1}.get(sql[position], 0)
        if depth == 0:
            return sql[position + 1 :].split(";", maxsplit=1)[0]
    return ""


def strings(source: Source) -> list[str]:
    """Every text in a Python file, with what is filled in left as `{}`."""
    found = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
        elif isinstance(node, ast.JoinedStr):
            found.append("".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values))
    return found


def test_every_table_is_strict() -> None:
    faults = [
        f"{path.relative_to(ROOT)}: {table}"
        for path in texts(SHIPPED, suffixes={".sql"})
        for table in lax_tables(path.read_text(encoding="utf-8"))
    ]
    faults += [
        f"{source.path}: {table}"
        for source in sources(SHIPPED)
        if source.path not in OTHER_ENGINES
        for text in strings(source)
        for table in lax_tables(text)
    ]
    assert faults == []


def test_a_lax_table_is_found_and_a_strict_one_is_not() -> None:
    assert lax_tables("CREATE TABLE a (x TEXT, CHECK (x > 1)); CREATE TABLE b (y INT) STRICT;") == ["a"]
    assert lax_tables("create temp table if not exists a (x -- STRICT )\n)") == ["a"]
    assert lax_tables("CREATE TABLE a (x TEXT CHECK (length(x) < 9)) WITHOUT ROWID, STRICT") == []
    hidden = planted("name = 'a'\nsql = f'CREATE TABLE {name} (x TEXT)'")
    assert [table for text in strings(hidden) for table in lax_tables(text)] == ["{}"]
