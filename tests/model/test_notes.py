"""Proves that the kinds of notes keep the names they have on disks."""

from answerback.model.notes import NoteKind


def test_a_kind_is_called_on_the_disk_what_it_always_was() -> None:
    assert {kind.name: kind.value for kind in NoteKind} == {
        "ROOT": "root",
        "NEXT_ROOT": "next root",
        "DEVICE_NAME": "device name",
        "NEXT_DEVICE": "next device",
        "SUPERSEDED": "superseded",
        "UNINTRODUCED": "unintroduced",
        "HISTORY_GIVEN": "history given",
        "HISTORY_TAKEN": "history taken",
        "FORMER_DEVICE": "former device",
        "OWN_HANDLE": "own handle",
    }
