"""Keeps imports going down the floors, and absolute."""

import ast

from tests.house.sources import SHIPPED, Source, planted, sources

# 1 model · 2 wire · 3 crypto · 4 core, diagnosis · 5 storage · 6 transport · 7 device, relay, fleet · 8 faces
MAY_IMPORT: dict[str, set[str]] = {
    "model": set(),  # the words everything else is said in
    "wire": {"model"},  # words as bytes
    "crypto": {"model", "wire"},  # what is signed or sealed must have one byte form, and that is the codec's
    "core": {"model", "wire", "crypto"},  # decisions: pure
    "diagnosis": {"model"},  # works on findings alone, so a support bundle can be read anywhere
    "storage": {
        "model",
        "wire",
        "core.effects",
        "core.facts",
        "core.memory",
        "core.text_facts",  # the same for texts
        "core.log_facts",  # and for the log
        "crypto.merkle",  # the relay's log is kept with the hashes of its subtrees
        "crypto.transparency",  # its entries and heads have one form
        "crypto.primitives.sha256",  # the hash of what it names
    },  # the journal keeps what Save says, and gives it back
    "transport": {"model", "wire"},  # carries frames, knows nothing of promises
    "device": {"model", "wire", "crypto", "core", "diagnosis", "storage", "transport"},
    "relay": {
        "model",
        "wire",
        "crypto.identity",  # verifies signatures, opens nothing
        "crypto.resumption",  # checks what devices show to come back
        "crypto.datagrams",  # opens what devices say beside their connection, seals the answers and calls
        "crypto.prekeys",  # the same for the keys devices publish
        "crypto.transparency",  # keeps the log of device lists that agents check
        "storage.database",
        "storage.durable",
        "storage.lock",
        "storage.turns",
        "storage.blobs",  # attachments
        "storage.account_store",
        "storage.handle_store",  # handles on their way from one account to another
        "storage.group_commit",
        "storage.relay_commands",
        "storage.relay_directory",
        "storage.push_store",  # where devices are woken
        "storage.relay_store",
        "transport",
        # never core, and nothing of the device's journal: the server cannot decide for a device
    },
    "fleet": {"model", "storage.database", "storage.blobs"},  # measurements without content
    "lab": {"model", "wire", "crypto", "core", "diagnosis", "storage", "transport", "device", "relay", "fleet"},
    "faces": {
        "",  # the front door itself: `from answerback import Client`
        *("model", "wire", "crypto", "core", "diagnosis", "storage", "transport", "device", "relay", "fleet", "lab"),
    },
    "__main__": {"faces"},  # `python -m answerback`
}
FRONT_DOOR: set[str] = {"model", "device"}
"""`answerback/__init__.py` offers the SDK and its words, and nothing else."""


def imported(source: Source) -> list[tuple[int, str]]:
    """Line and dotted name inside the package of every import of our own, wherever in the file it stands."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module == "answerback":
            found += [(node.lineno, f"answerback.{alias.name}") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    ours = [(line, name) for line, name in found if name.split(".")[0] == "answerback"]
    return [(line, inside(name)) for line, name in ours]


def inside(name: str) -> str:
    """`core.outbox.Outbox` for `answerback.core.outbox.Outbox`; empty for what the front door offers."""
    dotted = name.removeprefix("answerback").lstrip(".")
    return dotted if dotted.split(".")[0] in MAY_IMPORT else ""


def upward(source: Source) -> list[str]:
    """Every import that does not go down the floors."""
    own = source.room
    is_front_door = source.path == f"{SHIPPED}/__init__.py"
    allowed = FRONT_DOOR if is_front_door else MAY_IMPORT.get(own)
    if allowed is None:
        return [f"{source.path} is in no room that tests/house/test_floors.py knows"]
    return [
        f"{source.path}:{line}: {own} may not import {name or 'the front door'}"
        for line, name in imported(source)
        if name.split(".")[0] != own and not any(f"{name}.".startswith(f"{room}.") for room in allowed)
    ]


def relative(source: Source) -> list[str]:
    """Every relative import."""
    return [
        f"{source.path}:{node.lineno}: imports are absolute"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]


def outward(source: Source) -> list[str]:
    """Every import of what is not shipped: the tests, the benchmarks."""
    names = [(n.lineno, a.name) for n in ast.walk(source.tree) if isinstance(n, ast.Import) for a in n.names]
    names += [(n.lineno, n.module) for n in ast.walk(source.tree) if isinstance(n, ast.ImportFrom) and n.module]
    return [
        f"{source.path}:{line}: {name} is not shipped"
        for line, name in names
        if name.split(".")[0] in {"tests", "benchmarks", "examples"}
    ]


def test_imports_go_down_the_floors() -> None:
    assert [fault for source in sources(SHIPPED) for fault in upward(source)] == []


def test_imports_are_absolute() -> None:
    assert [fault for source in sources(SHIPPED, "tests") for fault in relative(source)] == []


def test_what_is_shipped_imports_only_what_is_shipped() -> None:
    assert [fault for source in sources(SHIPPED) for fault in outward(source)] == []


def test_an_upward_import_is_found_wherever_it_hides() -> None:
    relay = f"{SHIPPED}/relay/planted.py"
    assert upward(planted("from answerback.core.outbox import Outbox", path=relay))
    assert upward(planted("def late():\n    import answerback.core.outbox", path=relay))
    assert upward(planted("if TYPE_CHECKING:\n    from answerback import core", path=relay))
    assert upward(planted("from answerback import Client", path=relay))
    assert upward(planted("from answerback.storage import journal", path=relay))
    assert upward(planted("from answerback.core import outbox", path=f"{SHIPPED}/storage/planted.py"))
    assert upward(planted("from answerback.device import agent", path=f"{SHIPPED}/fleet/planted.py"))
    assert upward(planted("from answerback.lab import world", path=f"{SHIPPED}/device/planted.py"))
    assert upward(planted("from answerback.relay import app", path=f"{SHIPPED}/__init__.py"))
    assert upward(planted("", path=f"{SHIPPED}/attic/planted.py"))
    assert relative(planted("from . import outbox"))
    assert outward(planted("from tests.house import sources"))


def test_a_downward_import_is_welcome() -> None:
    storage = f"{SHIPPED}/storage/planted.py"
    assert upward(planted("from answerback.core.effects import Save", path=storage)) == []
    assert upward(planted("from answerback.core import effects", path=storage)) == []
    assert upward(planted("from answerback.storage.database import Database", path=storage)) == []
    assert upward(planted("from answerback.device.client import Client", path=f"{SHIPPED}/__init__.py")) == []
