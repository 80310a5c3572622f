"""Keeps captions honest, files and functions short, and names meaningful."""

import ast
import re
from pathlib import PurePosixPath

from tests.house.sources import OURS, ROOT, SHIPPED, Source, planted, sources, texts

FILE_LINES_MAX = 450
"""The biggest file stays within a few times the median: one huge room is what a newcomer feels most."""
FUNCTION_LINES_MAX = 60
"""One screen."""
EMPTY_NAMES = frozenset("utils util helpers helper common base misc manager handler service".split())
"""Names that say a rank or nothing at all; a file is named for what it does."""


def captionless(source: Source) -> list[str]:
    """A file that does not begin with one line that says what it is for."""
    lines = (ast.get_docstring(source.tree, clean=False) or "").split("\n")
    caption = lines[0].strip()
    if not caption:
        return [f"{source.path}: begins with a caption"]
    faults = [] if caption.endswith(".") else [f"{source.path}: the caption is one line and ends in a full stop"]
    if "and also" in caption.lower():
        faults.append(f"{source.path}: a caption with 'and also' is two files")
    if any(line.strip() for line in lines[1:2]):
        faults.append(f"{source.path}: an empty line follows the caption")
    return faults


def overlong(source: Source) -> list[str]:
    """A file or a function that has grown too long to be read at once."""
    faults = []
    size = len(source.text.splitlines())
    if size > FILE_LINES_MAX:
        faults.append(f"{source.path} has {size} lines; at most {FILE_LINES_MAX}")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                faults.append(
                    f"{source.path}:{node.lineno}: {node.name} has {length} lines; at most {FUNCTION_LINES_MAX}"
                )
    return faults


def nameless(path: str) -> list[str]:
    """A file or folder whose name does not say what it does."""
    parts = [part.split(".")[0] for part in PurePosixPath(path).parts]
    words = {word for part in parts for word in (part, part.removeprefix("test_"), part.rsplit("_", maxsplit=1)[-1])}
    return [f"{path}: '{word}' says nothing about what is inside" for word in sorted(words & EMPTY_NAMES)]


def unowned_marks(text: str, *, path: str) -> list[str]:
    """Each mark of unfinished work that names no issue, and each that blocks a merge."""
    faults = []
    for line, content in enumerate(text.splitlines(), start=1):
        if re.search(r"#.*\b(FIXME|XXX|HACK)\b", content):
            faults.append(f"{path}:{line}: this blocks a merge")
        if re.search(r"#.*\bTODO\b(?!.{0,12}#\d+)", content):
            faults.append(f"{path}:{line}: a TODO names its issue, as #12")
    return faults


def test_every_file_has_a_caption() -> None:
    assert [fault for source in sources(*OURS) for fault in captionless(source)] == []


def test_files_and_functions_stay_short() -> None:
    assert [fault for source in sources(*OURS) for fault in overlong(source)] == []


def test_names_say_what_is_inside() -> None:
    paths = [
        path.relative_to(ROOT).as_posix() for path in texts(*OURS, suffixes={".py", ".js", ".css", ".html", ".sql"})
    ]
    assert [fault for path in paths for fault in nameless(path)] == []


def test_unfinished_work_has_an_issue() -> None:
    ours = [source for source in sources(*OURS) if source.path != "tests/house/test_shape.py"]
    assert [fault for source in ours for fault in unowned_marks(source.text, path=source.path)] == []


def test_each_rule_of_shape_can_fail() -> None:
    bad_captions = ("", "import ast", '"""No full stop"""', '"""Two\nlines."""', '"""Keeps this and also that."""')
    assert [text for text in bad_captions if not captionless(planted(text))] == []
    assert captionless(planted('"""Keeps every promise."""')) == []
    assert captionless(planted('"""Keeps every promise.\n\nTheory: why.\n"""')) == []
    assert overlong(planted("one = 1\n" * (FILE_LINES_MAX + 1)))
    assert overlong(planted("def long() -> None:\n" + "    pass\n" * FUNCTION_LINES_MAX))
    assert overlong(planted("def short() -> None:\n" + "    pass\n" * (FUNCTION_LINES_MAX - 1))) == []
    assert nameless(f"{SHIPPED}/core/utils.py")
    assert nameless(f"{SHIPPED}/relay/session_manager.py")
    assert nameless("tests/common/test_lanes.py")
    assert nameless(f"{SHIPPED}/core/lanes.py") == []
    assert unowned_marks("one = 1  # TODO: later", path="x")
    assert unowned_marks("one = 1  # FIXME #12", path="x")
    assert unowned_marks("one = 1  # TODO(#12): later", path="x") == []
