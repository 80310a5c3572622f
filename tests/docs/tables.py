"""Makes the tables that pages of docs/ take from the code, so that they cannot go stale.

    python -m tests.docs.tables        writes them anew

A page has a place for each: `<!-- table: NAME -->` … `<!-- end -->`. A test compares what stands there with the code.
"""

import ast
import dataclasses
import re
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path

from answerback.faces.sentences import CAUSES, EVIDENCE, OWNERS, STAGES
from answerback.model.causes import Cause
from answerback.model.timeline import Evidence, Stage
from answerback.relay.blobs import BlobLimits
from answerback.relay.http import HttpLimits
from answerback.relay.limits import Rate, RelayLimits
from tests.core.healings import COURSES, Course
from tests.house.sources import ROOT, Source, sources

DOCS = ROOT / "docs"
_PLACE = re.compile(r"(<!-- table: (?P<name>[a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400
KIB, MIB, GIB = 1024, 1024**2, 1024**3


@dataclasses.dataclass(frozen=True)
class Limit:
    """One constant with its reason, as its file has it."""

    path: str
    name: str
    value: object
    reason: str


def limits(*folders_or_files: str) -> list[Limit]:
    """Every number in capitals at the top level of these files, and why it is what it is."""
    found: list[Limit] = []
    for source in sources(
        *sorted({path.rpartition("/")[0] if path.endswith(".py") else path for path in folders_or_files})
    ):
        if any(source.path == path or source.path.startswith(path + "/") for path in folders_or_files):
            found += _limits_of(source)
    return found


def _limits_of(source: Source) -> Iterable[Limit]:
    module = import_module(f"answerback.{source.module}")
    for each in stated(source):
        value = getattr(module, each.name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield dataclasses.replace(each, value=value)


def stated(source: Source) -> Iterable[Limit]:
    """Every name in capitals at the top level of a file, with the reason below it or behind it."""
    lines = source.text.splitlines()
    body = source.tree.body
    for node, following in zip(body, [*body[1:], None], strict=True):
        for name in _assigned(node):
            reason = _text_of(following) or lines[node.lineno - 1].partition("  # ")[2]
            yield Limit(source.path.removeprefix("src/answerback/"), name, None, reason)


def _assigned(node: ast.stmt) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    names: list[str] = []
    for target in targets:
        parts = target.elts if isinstance(target, ast.Tuple) else [target]
        names += [part.id for part in parts if isinstance(part, ast.Name) and re.fullmatch(r"[A-Z][A-Z0-9_]*", part.id)]
    return names


def _text_of(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return " ".join(node.value.value.split())
    return ""


def said(name: str, value: object) -> str:
    """Write a value with the unit that its name ends in."""
    if isinstance(value, Rate):
        every = f"{value.per_s:g} a second" if value.per_s >= 0.1 else f"{value.per_s * _HOUR_S:g} an hour"
        return f"{value.burst:,g} at once, then {every}"
    assert isinstance(value, int | float)
    words = name.lower().split("_")
    if "bytes" in words:
        return _in_units(value, [(GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB"), (1, "bytes")])
    if "ms" in words:
        return _in_units(value / 1000, [(_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min"), (1, "s"), (0.001, "ms")])
    if "s" in words:
        return _in_units(value, [(_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min"), (1, "s"), (0.001, "ms")])
    return f"{value:,g}" if isinstance(value, float) else f"{value:,}"


def _in_units(value: float, units: list[tuple[float, str]]) -> str:
    for size, unit in units:
        if value >= size and round(value / size, 1) == value / size:
            return f"{value / size:,g} {unit}"
    return f"{value / units[-1][0]:,g} {units[-1][1]}"


# ---- the tables ----------------------------------------------------------------------------------------------------


def core_limits() -> str:
    """What bounds each machine of the core."""
    rows = [[f"`{each.path}`", f"`{each.name}`", said(each.name, each.value), each.reason] for each in limits(_CORE)]
    return _table(["file", "limit", "value", "why"], rows)


def shared_limits() -> str:
    """What bounds messages and frames, for devices and relays alike."""
    rows = [
        [f"`{each.path}`", f"`{each.name}`", said(each.name, each.value), each.reason]
        for each in limits("src/answerback/model", "src/answerback/wire")
        if each.name.endswith(_BOUNDS)
    ]
    return _table(["file", "limit", "value", "why"], rows)


def relay_limits() -> str:
    """What bounds a relay, and what an operator may set from Python."""
    files = (f"src/answerback/{name}" for name in ("relay/limits.py", "storage/relay_index.py"))
    rows = [[f"`{each.name}`", said(each.name, each.value), each.reason] for each in limits(*files)]
    for kind in (RelayLimits, HttpLimits, BlobLimits):
        for field in dataclasses.fields(kind):
            value = getattr(kind(), field.name)
            if isinstance(value, int | float | Rate):
                rows.append([f"`{kind.__name__}.{field.name}`", said(field.name, value), ""])
    return _table(["limit", "value", "why"], rows)


def causes() -> str:
    """Every cause: whose problem it is, and the words a person reads."""
    rows = [
        [f"`{cause.value}`", OWNERS[cause.owner], CAUSES[cause].sentence, CAUSES[cause].we_do, CAUSES[cause].you_can]
        for cause in Cause
    ]
    return _table(["cause", "whose", "what happened", "what is done", "what you can do"], rows)


def stages() -> str:
    """Every stage."""
    return _table(["stage", "said as"], [[f"`{stage.name}`", STAGES[stage]] for stage in Stage])


def evidence() -> str:
    """Every kind of evidence."""
    return _table(["evidence", "said as"], [[f"`{each.name}`", EVIDENCE[each]] for each in Evidence])


def healings() -> str:
    """What each kind of healing takes, measured anew."""
    head = ["healed", "what was broken", "noticed when", "calls", "answers", "asked of the relay", "round trips"]
    return _table([*head, "on the timeline"], [_healing(course()) for course in COURSES])


def _healing(took: Course) -> list[str]:
    asked = ", ".join(f"{count} `{name}`" for name, count in took.questions.items())
    shown = ", ".join(f"`{cause.value}`" for cause in took.shown)
    numbers = [str(took.calls), str(took.answers), asked or "nothing", str(took.round_trips)]
    return [took.kind.value, took.broken, took.noticed, *numbers, shown or "no message was late"]


def metrics() -> str:
    """Every number a relay counts."""
    rows = []
    for source in sources("src/answerback/relay"):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _KINDS:
                name, text = (str(part.value) for part in node.args[:2] if isinstance(part, ast.Constant))
                labels = (
                    [part.value for part in ast.walk(node.args[2]) if isinstance(part, ast.Constant)]
                    if node.args[2:]
                    else []
                )
                suffix = "_total" if node.func.id == "Counter" else ""
                rows.append([f"`{name}{suffix}`", node.func.id.lower(), ", ".join(map(str, labels)), text])
    return _table(["metric", "kind", "labels", "counts"], sorted(rows))


_CORE = "src/answerback/core"
_BOUNDS = ("_MAX", "_MIN", "LIFETIME_S")
_KINDS = ("Counter", "Gauge", "Histogram")
TABLES: dict[str, Callable[[], str]] = {
    "core limits": core_limits,
    "shared limits": shared_limits,
    "relay limits": relay_limits,
    "causes": causes,
    "stages": stages,
    "evidence": evidence,
    "healings": healings,
    "metrics": metrics,
}


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def renewed(page: str) -> str:
    """A page with its tables as the code has them now."""
    return _PLACE.sub(lambda match: f"{match[1]}{TABLES[match['name']]()}{match[3]}", page)


def pages() -> list[Path]:
    """All pages of docs/."""
    return sorted(DOCS.rglob("*.md"))


if __name__ == "__main__":
    for path in pages():
        text = path.read_text(encoding="utf-8")
        if (new := renewed(text)) != text:
            path.write_text(new, encoding="utf-8")
            print(path.relative_to(ROOT))
