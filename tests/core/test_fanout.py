"""Proves which devices a letter goes to, and what must be known first."""

from answerback.core.fanout import targets
from tests.core.families import Family, known
from tests.core.specimens import CID, PHONE, letter

ANN, BEA, NOBODY = Family(2), Family(2), Family(0)
HERE = ANN.keys[0].device_id


def test_a_post_goes_to_all_devices_of_its_recipients_and_to_our_others() -> None:
    found = targets(letter(recipients=(BEA.account,)), known(ANN, BEA), own_account=ANN.account, own_device=HERE)
    assert {device for _, device in found.devices} == (ANN.devices | BEA.devices) - {HERE}
    assert (found.unknown, found.empty) == ((), False)


def test_what_is_unknown_must_be_looked_up_first() -> None:
    found = targets(letter(recipients=(BEA.account, CID)), known(ANN), own_account=ANN.account, own_device=HERE)
    assert found.unknown == (BEA.account, CID)
    assert not found.empty


def test_nobody_reached_is_said_and_somebody_reached_is_enough() -> None:
    roster = known(ANN, BEA, NOBODY)
    alone = targets(letter(recipients=(NOBODY.account,)), roster, own_account=ANN.account, own_device=HERE)
    assert alone.empty
    both = targets(letter(recipients=(NOBODY.account, BEA.account)), roster, own_account=ANN.account, own_device=HERE)
    assert not both.empty


def test_a_note_to_oneself_goes_to_our_other_devices() -> None:
    found = targets(letter(recipients=(ANN.account,)), known(ANN), own_account=ANN.account, own_device=HERE)
    assert {device for _, device in found.devices} == ANN.devices - {HERE}
    assert not found.empty
    alone = Family(1)
    here = alone.keys[0].device_id
    found = targets(letter(recipients=(alone.account,)), known(alone), own_account=alone.account, own_device=here)
    assert (found.devices, found.unknown, found.empty) == ((), (), False), "kept here, and that is all"


def test_a_receipt_goes_to_the_named_devices_only_and_not_to_one_that_is_gone() -> None:
    there = BEA.keys[0].device_id
    named = letter(devices=(there, PHONE), recipients=())
    found = targets(named, known(ANN, BEA), own_account=ANN.account, own_device=HERE)
    assert (found.devices, found.unknown, found.empty) == (((BEA.account, there),), (), False)
