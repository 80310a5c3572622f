"""Lists every kind of fault and load a world may see, in one place, so that a kind which never comes is visible."""

from collections.abc import Mapping
from typing import Final

FAULTS: Final[Mapping[str, Mapping[str, str]]] = {
    "connections": {
        "connection_lost": "a connection breaks with frames on it, and both ends know",
        "half_open_at_the_relay": "the relay believes in a connection that its device has lost",
        "half_open_at_the_device": "a device believes in a connection that the relay has lost",
        "one_way_partition": "nothing gets through in one direction; it may arrive later, on a connection given up",
        "two_way_partition": "nothing gets through at all",
        "delay_spike": "everything is late for a while",
        "network_changes": "a device moves to another network and knows it",
        "long_outage": "a device, the relay or the way to it is away for minutes or hours, and everybody waits",
        "lost_frames": "a frame was sent and never arrived",
        "late_frames": "a frame arrived on a connection that its sender had given up",
        "duplicated_frames": "an envelope or a delivery arrived more than once",
        "reordered_frames": "a frame arrived after one that was sent later, on a newer connection",
    },
    "agents": {
        "agent_killed": "an agent is killed between two changes",
        "agent_killed_before_a_write": "an agent is killed at one of its next statements, within a transaction",
        "agent_killed_after_a_commit": "an agent is killed when a change is on its disk and nobody was told",
        "agent_frozen": "an agent is stopped as by SIGSTOP: its sockets go on, it handles nothing",
        "device_suspended": "a device sleeps: as frozen, and its monotonic clock sleeps too",
        "device_off_for_a_while": "a device is switched off for seconds or minutes",
        "device_restored_from_a_backup": "an older copy of a device's journal is put back, and it goes on from there",
    },
    "disks": {
        "agent_disk_full": "a device has no room",
        "agent_read_errors": "a device's disk cannot be read for a while",
        "relay_disk_full": "the relay has no room for mail",
        "relay_read_errors": "the relay's disk cannot be read for a while",
        "relay_commits_fail": "the relay's disk refuses what it is to keep",
        "unsynced_writes_lost": "the power goes: writes that were not synced are gone",
        "torn_write": "the power goes: a write is on the disk in part",
        "power_cut_after_sync": "the power goes while synced pages are folded into the file, or just after",
    },
    "clocks": {
        "clock_wrong_at_first_start": "a device starts for the first time with a clock that is wrong by days or years",
        "relay_clock_wrong_at_first_start": "the relay's clock is days ahead while devices publish their first keys",
        "clock_jump": "a device's clock is set by seconds, hours or years",
        "clock_drift": "a device's clock gains or loses",
        "clock_corrected": "a device's clock is set right again, at once or little by little",
        "relay_clock_jump": "the relay's clock is set wrong",
        "relay_clock_drift": "the relay's clock gains or loses",
        "relay_clock_corrected": "the relay's clock is set right again",
    },
    "relay": {
        "relay_killed": "the relay is killed between two inputs",
        "relay_killed_before_a_commit": "the relay is killed within a transaction",
        "relay_killed_after_a_commit": "the relay is killed when mail is on its disk and nobody was told",
        "relay_loses_its_last_second": "the relay's disk lied: a second of what it kept is gone",
        "relay_restored_from_a_backup": "an older copy of the relay's store is put back",
        "relay_forgets_a_list": "what was lost with it includes a newer list of somebody's devices",
        "relay_loses_its_store": "the relay's whole store is gone; it begins with an empty one",
    },
    "files": {
        "file_request_lost": "a piece of a file is lost on its way",
        "file_answer_lost": "a piece arrived at the relay and nobody was told",
        "file_middle_lost": "a download breaks off in the middle of a part",
        "file_lost_at_its_author": "a file that waits to be sent is gone from its author's disk",
        "file_overtaken": "a piece is so slow that it is carried once more, on a newer connection",
        "file_torn": "the power goes while a part of a file is written: half of it is on the disk",
        "file_no_room": "the relay has no room for files",
        "file_piece_lost": "the relay's disk loses a piece of a file",
        "file_piece_changed": "the relay's disk changes a bit of a file",
    },
    "lies of the relay": {
        "relay_says_twice": "the relay says an answer twice at once, and once more a little later",
        "relay_answers_unasked": "the relay answers what nobody asked",
        "relay_answers_another_question": "the relay answers with what was not asked for",
        "relay_forges_a_list": "the relay hands out a device list that no root key signed",
        "relay_forges_a_seal_key": "the relay hands out a seal key that its device did not sign",
        "relay_swaps_a_prekey": "the relay hands out a pre-key that its device did not sign",
        "relay_moves_an_envelope": "the relay hands mail over in another lane than it was sealed for",
        "relay_speaks_another_wire": "the relay speaks a version of the wire that nobody knows",
        "relay_refuses_for_good": "the relay says of mail it has that it will never take it",
        "relay_denies_mail": "the relay says of mail that waits that it was taken",
    },
    "lies of a contact": {
        "contact_forges_a_slip": "a contact names another author or reader in a slip, or seals no slip at all",
        "contact_forges_a_post": "a contact writes in a conversation that is none, or to somebody else",
        "contact_forges_a_receipt": "a contact answers for messages that it never got",
        "contact_calls_for_nonsense": "a contact asks for what never was, and takes back what nobody said",
        "contact_follows_nothing": "a contact writes message after message as if none had been there before",
        "contact_begins_afresh": "a contact begins session after session",
    },
    "people": {
        "device_linked": "a device is added to an account while people write",
        "device_revoked": "a device is taken off its account's list while people write",
        "device_revokes_itself": "a device takes itself off the list while its mail is on the way",
        "months_offline": "everybody is away for weeks, or for months",
    },
}
"""Where it happens, what it is called, what it is. Everything else that a chronicle counts is a load."""

KINDS: Final = tuple(kind for kinds in FAULTS.values() for kind in kinds)
"""Every kind of fault, in the order of the table."""
