"""Keeps a test file beside every source file."""

from pathlib import PurePosixPath

from tests.house.sources import ROOT, SHIPPED, Source, planted, sources

SMALL_LINES_MAX = 40
"""Below this a file is a handful of words or a door; what uses it proves it."""
STILL_WITHOUT: frozenset[str] = frozenset()
"""Files that have no test file yet. This list only gets shorter."""


def mirror_of(source: Source) -> str:
    """Where the tests of a source file are."""
    path = PurePosixPath(source.path)
    return str(PurePosixPath("tests", *path.parent.parts[2:], f"test_{path.name}"))


def needs_test(source: Source) -> bool:
    """Whether a file is more than a door."""
    is_door = source.path.endswith(("/__init__.py", "/__main__.py"))
    return not is_door and len(source.text.splitlines()) > SMALL_LINES_MAX


def test_every_source_file_has_its_test_file() -> None:
    missing = {
        source.path for source in sources(SHIPPED) if needs_test(source) and not (ROOT / mirror_of(source)).exists()
    }
    assert sorted(missing - STILL_WITHOUT) == [], "write tests/<room>/test_<file>.py"
    assert sorted(STILL_WITHOUT - missing) == [], "strike these out: they have a test file now, or are gone"


def test_the_mirror_is_one_to_one() -> None:
    long_file = planted("one = 1\n" * (SMALL_LINES_MAX + 1), path=f"{SHIPPED}/core/lanes.py")
    assert needs_test(long_file)
    assert mirror_of(long_file) == "tests/core/test_lanes.py"
    assert not needs_test(planted("one = 1\n", path=f"{SHIPPED}/core/lanes.py"))
    assert not needs_test(planted(long_file.text, path=f"{SHIPPED}/core/__init__.py"))
