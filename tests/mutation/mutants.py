"""Makes the mutants of the core with mutmut's operators, and puts one of them in place.

Theory. mutmut says what may go wrong in a line; how a mutant is tried is ours. One mutant is one function with one
small change, compiled in the namespace of its module. To put it in place is to give the function that everybody
already holds the code of the mutant: nothing is imported again, so a forked process is ready at once.

Mutated are the bodies of functions, methods and properties. As in mutmut, limits and tables at the top of a module,
annotations, docstrings and the arguments of `len` and `isinstance` are not.
"""

import ast
import difflib
import hashlib
import importlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from types import FunctionType
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import Mutation, MutationVisitor
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "src" / "answerback" / "core"
NOTHING_IGNORED = IgnoredCode(no_mutate_lines=set(), ignore_node_lines=set(), ignore_pattern_lines=set())
TRANSPARENT = frozenset({"property", "staticmethod", "classmethod"})
"""Decorators below which a function can be given other code."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One function of the core with one small change."""

    file: str
    function: str
    line: int
    lines: frozenset[int]
    """Who runs none of these lines cannot notice."""
    before: str
    after: str
    source: str
    """The changed function, to be compiled."""
    digest: str
    """Of the unchanged function."""
    name: str
    """What it is called from run to run, as long as the changed lines stay the same."""


def mutants_of(path: Path) -> list[Mutant]:
    """All mutants of one file of the core, each once."""
    text = path.read_text()
    wrapper = MetadataWrapper(cst.parse_module(text))
    visitor = _Visitor(mutation_operators, NOTHING_IGNORED)
    wrapper.visit(visitor)
    positions = wrapper.resolve(PositionProvider)
    owners = dict(_functions(wrapper.module))
    spans = _spans(text)
    named: Counter[str] = Counter()
    made: dict[tuple[str, str], Mutant] = {}
    for mutation in visitor.mutations:
        function = mutation.contained_by_top_level_function
        if not isinstance(function, cst.FunctionDef) or function not in owners:
            continue
        line = positions[mutation.original_node].start.line
        body = range(positions[function].start.line, positions[function].end.line + 1)
        lines = next((span for span in spans if line in span), body)
        mutant = _mutant(path.name, owners[function], function, mutation, line=line, lines=lines, named=named)
        if mutant is not None:
            made.setdefault((mutant.function, mutant.source), mutant)
    return list(made.values())


def put(mutant: Mutant) -> None:
    """Put a mutant in the place of its function, in this process, for good."""
    module = importlib.import_module(f"answerback.core.{mutant.file.removesuffix('.py')}")
    space: dict[str, Any] = dict(vars(module))
    exec(compile(mutant.source, f"<{mutant.name}>", "exec", dont_inherit=True), space)
    changed, target = _find(space, mutant.function), _find(vars(module), mutant.function)
    target.__code__ = changed.__code__
    target.__defaults__, target.__kwdefaults__ = changed.__defaults__, changed.__kwdefaults__


class _Visitor(MutationVisitor):
    """As mutmut's, and looks into properties too, which its own way of trying cannot reach."""

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.FunctionDef) and len(node.decorators) == 1:
            decorator = node.decorators[0].decorator
            if isinstance(decorator, cst.Name) and decorator.value in TRANSPARENT:
                return False
        return super()._skip_node_and_children(node)


def _functions(module: cst.Module) -> Iterator[tuple[cst.FunctionDef, str]]:
    for statement in module.body:
        if isinstance(statement, cst.FunctionDef):
            yield statement, statement.name.value
        elif isinstance(statement, cst.ClassDef):
            for inner in statement.body.body:
                if isinstance(inner, cst.FunctionDef):
                    yield inner, f"{statement.name.value}.{inner.name.value}"


def _mutant(
    file: str,
    function: str,
    node: cst.FunctionDef,
    mutation: Mutation,
    *,
    line: int,
    lines: range,
    named: Counter[str],
) -> Mutant | None:
    plain = node.with_changes(decorators=[], leading_lines=[])
    changed = plain.deep_replace(mutation.original_node, mutation.mutated_node)
    assert isinstance(changed, cst.FunctionDef)
    old, new = cst.Module([plain]).code, cst.Module([changed]).code
    holder, _, _ = function.rpartition(".")
    source = f"class {holder}:\n{indent(new, '    ')}" if holder else new
    if not _differ(old, new):
        return None
    before, after = _difference(old, new)
    said = f"{file}\n{function}\n{before}\n{after}"
    named[said] += 1
    digest = hashlib.sha256(f"{said}\n{named[said]}".encode()).hexdigest()[:8]
    return Mutant(
        file=file,
        function=function,
        line=line,
        lines=frozenset(lines),
        before=before,
        after=after,
        source=source,
        digest=hashlib.sha256(old.encode()).hexdigest()[:12],
        name=f"{file} {function} {digest}",
    )


def _differ(old: str, new: str) -> bool:
    """Whether a mutant is Python at all, and says something else than the original."""
    try:
        changed = ast.dump(ast.parse(new))
        compile(new, "<mutant>", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return changed != ast.dump(ast.parse(old))


def _difference(old: str, new: str) -> tuple[str, str]:
    before, after = [], []
    for line in difflib.ndiff(old.splitlines(), new.splitlines()):
        if line.startswith("- "):
            before.append(line[2:].strip())
        elif line.startswith("+ "):
            after.append(line[2:].strip())
    return " ".join(before), " ".join(after)


def _spans(text: str) -> list[range]:
    """Which lines belong together: each simple statement, and the head of each compound one; the shortest first."""
    spans = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = getattr(node, "body", None) or getattr(node, "cases", None)
            end = (node.end_lineno or node.lineno) if not inner else _first_line(inner[0]) - 1
            spans.append(range(node.lineno, max(end, node.lineno) + 1))
    return sorted(spans, key=len)


def _first_line(node: ast.stmt | ast.match_case) -> int:
    return node.pattern.lineno if isinstance(node, ast.match_case) else node.lineno


def _find(space: Mapping[str, Any], function: str) -> FunctionType:
    holder, _, name = function.rpartition(".")
    found = vars(space[holder])[name] if holder else space[name]
    found = getattr(found, "fget", None) or getattr(found, "__func__", found)
    assert isinstance(found, FunctionType), f"{function} is no function"
    return found
