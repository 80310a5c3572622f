"""Proves what others cannot do with an account's devices: forge its list, go on after a removal, steal its pre-keys."""

import asyncio
import dataclasses
import shutil
from pathlib import Path

import pytest

from answerback.core.effects import Effect, Save, Warned
from answerback.core.facts import DropRatchet, KeepMessage, KeepOutgoing, KeepRatchet
from answerback.crypto.identity import DeviceKeys, Purpose, RootKey, next_device_list, read_device_list
from answerback.crypto.prekeys import prekeys_to_publish
from answerback.crypto.primitives import sha256
from answerback.device.client import Client
from answerback.model.causes import Cause
from answerback.model.devices import DeviceList, Signed, Succession
from answerback.model.envelope import Delivery
from answerback.model.errors import RefusedError, TrustError, UsageError
from answerback.model.message import Lane
from answerback.relay import knocking
from answerback.storage.relay_commands import Append, Appended, Denied, PutList
from answerback.transport.relay_http import RelayHttp
from answerback.wire.codec import decode, encode
from answerback.wire.frames import Announce, Announced, Claim, Claimed, Subscribe
from tests.core.families import Correspondent, Family, begin
from tests.core.reader import ANN, Reader
from tests.core.specimens import NOW, kept
from tests.core.test_lookup_answers import Asker, told
from tests.device.relays import town
from tests.device.test_linking import link, online
from tests.device.test_own_devices import until
from tests.relay.drive import Drive
from tests.relay.residents import NOW_MS, envelope, residents

THIEF = DeviceKeys.generate().device(0)


def changed(signed: Signed, signer: RootKey, **said: object) -> Signed:
    """A list like this one that says otherwise, signed by somebody."""
    body = decode(signed.body, DeviceList)
    fields = {name: getattr(body, name) for name in DeviceList.__struct_fields__}
    return signer.sign(Purpose.DEVICE_LIST, encode(DeviceList(**(fields | said))))


# ---- a forged device list


def forged_lists(family: Family) -> dict[str, Signed]:
    """Lists with the thief's device on them, each wrong in one way."""
    newest, stranger, heir = family.lists[-1], RootKey.generate(), RootKey.generate()
    with_thief = (*(keys.device(0) for keys in family.keys), THIEF)
    honest = next_device_list(family.root, newest, with_thief, 0)
    replaced = next_device_list(family.root, newest, with_thief, 0, heir=heir)
    stolen = Succession(family.account, family.root.public_key, stranger.public_key)
    self_signed = stranger.sign(Purpose.SUCCESSION, encode(stolen))
    return {
        "signed by a stranger": changed(honest, stranger),
        "of a stranger's root key": changed(honest, stranger, root_key=stranger.public_key),
        "with a succession that the stranger signed": changed(
            honest, stranger, root_key=stranger.public_key, succession=(self_signed,)
        ),
        "with another's signature": Signed(honest.body, newest.signature),
        "of the version that is known": changed(newest, family.root, devices=with_thief),
        "that leaves a version out": changed(honest, family.root, version=4),
        "that follows another list": changed(honest, family.root, previous=sha256(b"another")),
        "by the heir, without its succession": changed(replaced, heir, succession=()),
    }


@pytest.mark.parametrize("lie", forged_lists(Family(1)))
def test_a_forged_list_adds_no_device_and_is_named(lie: str) -> None:
    asker = Asker()
    effects = asker.hears_list(asker.bea, forged_lists(asker.bea)[lie])
    assert THIEF.id not in {device.id for device in asker.machines.roster.devices(asker.bea.account)}
    assert Warned(Cause.TRUST_SIGNATURE_WRONG, asker.bea.account) in told(effects)
    assert asker.machines.roster.version(asker.bea.account) == 2


def test_after_a_removal_the_old_root_key_signs_nothing_that_anybody_believes(tmp_path: Path) -> None:
    family, heir = Family(2), RootKey.generate()
    rest = [family.keys[0].device(0)]
    removal = next_device_list(family.root, family.lists[-1], rest, 0, heir=heir)
    # The thief holds the old root key, and signs itself back on, after the removal and beside it.
    back = changed(removal, family.root, version=4, previous=sha256(removal.body), devices=(*rest, THIEF))
    plain = {"root_key": family.root.public_key, "succession": ()}
    plain_back = changed(back, family.root, **plain)
    beside = next_device_list(family.root, family.lists[-1], (*rest, THIEF), 0)
    # A stranger takes the succession that everybody has seen, and claims to be the heir that it names, or its heir.
    stranger = RootKey.generate()
    usurped = changed(back, stranger, root_key=stranger.public_key)
    lent = Succession(RootKey.generate().account_id, heir.public_key, stranger.public_key)
    told_elsewhere = heir.sign(Purpose.SUCCESSION, encode(lent))  # by the true heir, of another account of theirs
    borrowed = changed(usurped, stranger, succession=(*decode(removal.body, DeviceList).succession, told_elsewhere))
    for forged in (back, plain_back, beside, usurped, borrowed):
        asker = Asker()
        asker.machines.roster.learn(family.account, family.lists, [])
        asker.machines.roster.learn(family.account, [removal], [])
        learned = asker.machines.roster.learn(family.account, [forged], [])
        assert isinstance(learned.trouble, TrustError)
        assert {device.id for device in asker.machines.roster.devices(family.account)} == {rest[0].id}
    # The relay takes none of them either.
    people = residents(2)
    drive = Drive(tmp_path, people)
    number = drive.enter(people[0])
    own = people[0].keys.device(NOW_MS)
    first_heir = RootKey.generate()
    second = next_device_list(people[0].root, people[0].signed, [own], NOW_MS, heir=first_heir)
    drive.say(number, Announce(1, second))
    drive.settle()
    old = {"root_key": people[0].root.public_key, "succession": ()}
    follows = {"version": 3, "previous": sha256(second.body), "devices": (own, THIEF)}
    third = changed(second, people[0].root, **follows, **old)
    drive.say(number, Announce(2, third))
    drive.settle()
    answers = {each.request: each.cause for each in drive.heard(number, Announced)}
    assert answers == {1: "", 2: Cause.TRUST_SIGNATURE_WRONG.value}


# ---- a removed device that goes on sending


def test_an_honest_relay_takes_nothing_from_a_removed_device_by_any_door(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place, Client.open(await place.person("ann")) as phone:
            bea = await place.register("bea")
            await online(phone)
            await link(phone, tmp_path / "laptop")
            async with Client.open(tmp_path / "laptop") as laptop:
                await online(laptop)
                gone = laptop.identity
            shutil.copytree(tmp_path / "laptop", tmp_path / "thief")
            old_root = phone.agent.engine.machines.root
            await phone.revoke(gone.device)
            async with Client.open(tmp_path / "thief") as thief:
                sent = await thief.send("bea@example.org", text="it is me")
                await until(lambda: thief.status().cause is Cause.ACCOUNT_DEVICE_REVOKED)
                timeline = thief.timeline(sent.id)
                assert timeline is not None
                assert timeline.stage < 2, "it has not left"
                with pytest.raises((UsageError, RefusedError)):
                    await thief.revoke(phone.identity.device, timeout_s=2)
            async with Client.open(tmp_path / "bea") as reader:
                await online(reader)
                assert [kept.message.text for kept in reader.messages()] == []
                assert reader.identity.device == bea.device
            # With the stolen root key it cannot put itself back, by the door of those who lost everything.
            current = phone.agent.engine.machines.roster.list_of(gone.account)
            assert current is not None
            root = RootKey.from_seed(old_root, account=gone.account)
            fields = {"devices": (*read_device_list(gone.account, current).devices, THIEF)}
            version = read_device_list(gone.account, current).version + 1
            forged = changed(current, root, version=version, previous=sha256(current.body), **fields)
            plain = changed(forged, root, root_key=root.public_key, succession=())
            astray = changed(plain, root, previous=sha256(b"another"))
            async with RelayHttp(place.relay.url, pin=place.relay.pin or b"") as http:
                for each in (forged, plain, astray):
                    with pytest.raises(RefusedError) as refused:
                        await http.put_list(each)
                    assert refused.value.cause in (Cause.TRUST_SIGNATURE_WRONG, Cause.TRUST_KEYS_CHANGED)
            assert phone.agent.engine.machines.roster.list_of(gone.account) == current

    asyncio.run(run())


def test_what_it_says_while_the_list_that_removes_it_is_being_kept_is_not_kept(tmp_path: Path) -> None:
    people = residents(2)
    drive = Drive(tmp_path, people)
    store = drive.store
    other = DeviceKeys.generate().device(NOW_MS)
    signed = next_device_list(people[0].root, people[0].signed, [other], NOW_MS)
    devices = read_device_list(people[0].account, signed)
    late = Append(1, [envelope(people[1], "late")], 1, NOW_MS, people[0].device)  # with no life, to be overlooked
    (first,) = store.apply([dataclasses.replace(late, envelopes=[envelope(people[1], "in time")])])
    assert isinstance(first, Appended)
    answers = store.apply([PutList(1, 1, signed, devices), late])
    assert list(answers)[-1] == Denied(Cause.ACCOUNT_DEVICE_REVOKED)


def test_a_relay_that_passes_its_mail_on_all_the_same_is_found_out_by_each_reader() -> None:
    bea = Family(2)
    ann = Reader(bea)
    laptop = Correspondent(bea, ANN, index=1)
    before = ann.hears(laptop.writes(laptop.post(1), 1))
    assert texts(before) == ["1"]
    removal = next_device_list(bea.root, bea.lists[-1], [bea.keys[0].device(0)], 0, heir=RootKey.generate())
    ann.machines.roster.learn(bea.account, [removal], [])
    for number, lane in enumerate(Lane, start=2):
        delivery = laptop.writes(laptop.post(number), number, lane=lane)
        effects = [*ann.hears(delivery), *ann.arrival.look_again(bea.account, now=NOW)]
        assert texts(effects) == []
        assert Warned(Cause.TRUST_DEVICE_REVOKED, bea.account) in told(effects)
    answers = [device for device, _ in ann.answers()]
    assert laptop.id not in answers[1:], "nothing is said to it any more"


def test_a_reader_that_hears_of_a_removal_parts_with_all_that_it_shared_with_the_device() -> None:
    asker = Asker()
    phone, laptop = (keys.device_id for keys in asker.bea.keys)
    for number, keys in enumerate(asker.bea.keys):
        begin(asker.machines, keys)
        assert asker.machines.sessions.ready(keys.device_id, Lane.NORMAL), number
        assert asker.machines.roster.seal_key(keys.device_id) is not None
    rest = [asker.bea.keys[0].device(0)]
    removal = next_device_list(asker.bea.root, asker.bea.lists[-1], rest, 0, heir=RootKey.generate())
    effects = asker.hears_list(asker.bea, removal)
    dropped = {fact.device for fact in kept(effects) if isinstance(fact, DropRatchet)}
    assert dropped == {laptop}
    assert not asker.machines.sessions.ready(laptop, Lane.NORMAL)
    assert asker.machines.sessions.ready(phone, Lane.NORMAL)
    assert asker.machines.roster.seal_key(laptop) is None, "also if it is listed again one day"
    assert asker.machines.roster.device(laptop) is None
    assert asker.machines.roster.account_of(laptop) is None
    assert asker.machines.roster.former[laptop] == asker.bea.account


def test_what_a_removed_device_had_sent_before_is_not_answered_when_a_relay_says_it_again() -> None:
    bea = Family(2)
    ann = Reader(bea)
    laptop = Correspondent(bea, ANN, index=1)
    delivery = laptop.writes(laptop.post(1), 1)
    ann.hears(delivery)
    assert [device for device, _ in ann.answers()] == [laptop.id]
    removal = next_device_list(bea.root, bea.lists[-1], [bea.keys[0].device(0)], 0, heir=RootKey.generate())
    ann.machines.roster.learn(bea.account, [removal], [])
    effects = ann.hears(Delivery(2, delivery.lane, delivery.id, delivery.sealed))
    assert texts(effects) == []
    assert not [fact for fact in kept(effects) if isinstance(fact, KeepOutgoing)], "no receipt is promised to it"


def test_a_removed_device_is_woken_by_no_push_however_busy_the_relay_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = residents(2)
    drive = Drive(tmp_path, people)
    ann = drive.enter(people[0])
    drive.say(ann, Subscribe("https://push.example/v1/ann"))
    drive.settle()
    assert drive.exchange.knocking.name_of(people[0].device) != b""
    drive.exchange.knocking.take_wishes()
    monkeypatch.setattr(knocking, "WISHES_MAX", 0)  # no room to have it dropped on the disk just now
    other = DeviceKeys.generate().device(NOW_MS)
    drive.say(ann, Announce(1, next_device_list(people[0].root, people[0].signed, [other], NOW_MS)))
    drive.settle()
    assert drive.exchange.knocking.name_of(people[0].device) == b""


def test_where_a_removed_device_was_woken_goes_from_the_disk(tmp_path: Path) -> None:
    people = residents(2)
    drive = Drive(tmp_path, people)
    ann = drive.enter(people[0])
    drive.say(ann, Subscribe("https://push.example/v1/ann"))
    drive.settle()
    drive.exchange.knocking.take_wishes()
    other = DeviceKeys.generate().device(NOW_MS)
    drive.say(ann, Announce(1, next_device_list(people[0].root, people[0].signed, [other], NOW_MS)))
    drive.settle()
    assert drive.exchange.knocking.take_wishes() == {people[0].device: Subscribe("")}


# ---- pre-keys


def test_a_pre_key_that_its_device_did_not_sign_begins_no_session_and_is_named() -> None:
    for lie in (_of_a_thief, _of_another_device, _for_another_purpose):
        asker = Asker()
        device = asker.bea.keys[0]
        frame = asker.departure.want_prekey(device.device_id, Lane.NORMAL)
        (question,) = [effect.frame for effect in frame if hasattr(effect, "frame")]
        assert isinstance(question, Claim)
        effects = asker.lookup.claimed(Claimed(question.request, device.device_id, lie(asker)), now=NOW)
        assert Warned(Cause.TRUST_SIGNATURE_WRONG, asker.bea.account) in told(effects)
        assert not [effect for effect in effects if isinstance(effect, Save) and isinstance(effect.fact, KeepRatchet)]
        assert not asker.machines.sessions.ready(device.device_id, Lane.NORMAL)


def _of_a_thief(_asker: Asker) -> Signed:
    return prekeys_to_publish(DeviceKeys.generate(), 1)[0]


def _of_another_device(asker: Asker) -> Signed:
    return prekeys_to_publish(asker.bea.keys[1], 1)[0]


def _for_another_purpose(asker: Asker) -> Signed:
    signed = prekeys_to_publish(asker.bea.keys[0], 1)[0]
    return asker.bea.keys[0].sign(Purpose.SEAL_KEY, signed.body)


def test_a_one_time_key_that_is_handed_out_twice_opens_for_one_and_the_other_is_told_to_begin_again() -> None:
    """A relay gives two people the same key, or a thief plays a first message back: the second opens nothing."""
    reader = Reader(Family(1))
    thieves = Family(1)
    first, second = Family(1), Family(1)
    for family in (first, second, thieves):
        reader.machines.roster.learn(family.account, family.lists, family.seal_keys)
    one, other = Correspondent(first, ANN), Correspondent(second, ANN)
    key = prekeys_to_publish(ANN.keys[0], 1)[0]
    from answerback.crypto.prekeys import check_prekey
    from tests.core.families import CONNECTED_S
    from tests.core.specimens import at

    checked = check_prekey(key, ANN.keys[0].device(0))
    for writer in (one, other):
        writer.sessions.forget(ANN.keys[0].device_id)
        writer.sessions.begin(ANN.keys[0].device(0), Lane.NORMAL, checked, now=at(CONNECTED_S))
    delivery = one.writes(one.post(1), 1)
    assert texts(reader.hears(delivery)) == ["1"]
    assert texts(reader.hears(Delivery(2, delivery.lane, delivery.id, delivery.sealed))) == [], "played back"
    assert texts(reader.hears(other.writes(other.post(2), 3))) == []
    assert other.id in [device for device, _ in reader.answers()], "it is asked to begin afresh"


def test_a_removed_devices_pre_keys_are_handed_to_nobody(tmp_path: Path) -> None:
    people = residents(2)
    drive = Drive(tmp_path, people)
    ann = drive.enter(people[0])
    other = DeviceKeys.generate().device(NOW_MS)
    drive.say(ann, Announce(1, next_device_list(people[0].root, people[0].signed, [other], NOW_MS)))
    drive.settle()
    bea = drive.enter(people[1])
    drive.say(bea, Claim(7, people[0].device))
    drive.settle()
    (answer,) = drive.heard(bea, Claimed)
    assert (answer.prekey, answer.cause) == (None, Cause.RECIPIENT_DEVICE_GONE.value)


def texts(effects: list[Effect]) -> list[str]:
    facts = [effect.fact for effect in effects if isinstance(effect, Save)]
    return [fact.message.text for fact in facts if isinstance(fact, KeepMessage)]
