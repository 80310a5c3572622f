"""Proves that the root key is taken up with the list it signs, given to our devices only, and never believed."""

from answerback.core.departure import Departure
from answerback.core.effects import Effect, Moment, Save
from answerback.core.facts import KeepNote, KeepOutgoing
from answerback.core.ownership import Ownership
from answerback.crypto.identity import RootKey, next_device_list
from answerback.model.notes import NoteKind
from answerback.wire.codec import decode_letter
from answerback.wire.letters import Heirloom, Receipt
from tests.core.families import Family, machines_of

NOW = Moment(100.0, 7_000_000)


class Account:
    """Ann's three devices, seen from the first; bea is somebody else."""

    def __init__(self) -> None:
        self.ann, self.bea = Family(3), Family(1)
        self.machines = machines_of(self.ann, self.bea)
        self.machines.root = self.ann.root.seed
        self.ownership = Ownership(self.machines, Departure(self.machines))
        self.heir = RootKey.generate()

    def rotate(self) -> None:
        """The list without the third device, signed by a new root key, becomes the newest."""
        rest = [keys.device(0) for keys in self.ann.keys[:2]]
        signed = next_device_list(self.ann.root, self.ann.lists[-1], rest, 0, heir=self.heir)
        learned = self.machines.roster.learn(self.ann.account, [signed], [])
        assert learned.trouble is None


def notes(effects: list[Effect]) -> dict[NoteKind, bytes]:
    facts = [effect.fact for effect in effects if isinstance(effect, Save)]
    return {fact.kind: fact.value for fact in facts if isinstance(fact, KeepNote)}


def letters(effects: list[Effect]) -> list[tuple[object, set[bytes]]]:
    facts = [effect.fact for effect in effects if isinstance(effect, Save)]
    first = {fact.id: fact for fact in facts if isinstance(fact, KeepOutgoing)}
    return [(decode_letter(fact.letter), set(fact.devices)) for fact in first.values()]


def test_a_new_root_key_counts_from_the_list_that_it_signs() -> None:
    account = Account()
    assert notes(account.ownership.prepare(account.heir.seed)) == {NoteKind.NEXT_ROOT: account.heir.seed}
    assert account.ownership.look(now=NOW) == []
    assert account.machines.root == account.ann.root.seed
    account.rotate()
    effects = account.ownership.look(now=NOW)
    assert notes(effects) == {NoteKind.ROOT: account.heir.seed, NoteKind.NEXT_ROOT: b""}
    ((letter, devices),) = letters(effects)
    assert isinstance(letter, Heirloom)
    assert letter.seed == account.heir.seed
    assert devices == {account.ann.keys[1].device_id}, "not the one that was removed"
    assert account.ownership.look(now=NOW) == []


def test_a_device_without_it_asks_once_and_believes_only_the_key_that_signed() -> None:
    account = Account()
    account.rotate()
    ((letter, devices),) = letters(account.ownership.look(now=NOW))
    assert (letter, devices) == (Heirloom(b""), {account.ann.keys[1].device_id})
    assert account.ownership.look(now=NOW) == []
    sister, stranger = account.ann.keys[1].device_id, account.bea.keys[0].device_id
    removed = account.ann.keys[2].device_id
    for seed, device in ((account.heir.seed, stranger), (account.heir.seed, removed), (b"x" * 32, sister)):
        assert notes(account.ownership.heard(Heirloom(seed), device, now=NOW)) == {}
        assert account.machines.root == account.ann.root.seed
    effects = account.ownership.heard(Heirloom(account.heir.seed), sister, now=NOW)
    assert notes(effects)[NoteKind.ROOT] == account.heir.seed
    assert account.ownership.heard(Heirloom(account.heir.seed), sister, now=NOW) == []


def test_it_is_given_to_devices_of_the_account_and_to_nobody_else() -> None:
    account = Account()
    sister, stranger = account.ann.keys[1].device_id, account.bea.keys[0].device_id
    ((letter, devices),) = letters(account.ownership.heard(Heirloom(b""), sister, now=NOW))
    assert isinstance(letter, Heirloom)
    assert (letter.seed, devices) == (account.ann.root.seed, {sister})
    assert account.ownership.heard(Heirloom(b""), stranger, now=NOW) == []
    account.rotate()  # what is held is not the key of today any more: it is given to nobody
    assert account.ownership.heard(Heirloom(b""), sister, now=NOW) == []
    assert account.ownership.heard(Heirloom(b""), account.ann.keys[2].device_id, now=NOW) == []


def test_a_name_is_kept_and_goes_to_our_other_devices() -> None:
    account = Account()
    effects = account.ownership.rename("desk", now=NOW)
    assert notes(effects) == {NoteKind.DEVICE_NAME: b"desk"}
    assert account.machines.own.device_name == "desk"
    others = {keys.device_id for keys in account.ann.keys[1:]}
    assert letters(effects) == [(Receipt([], []), others)]
