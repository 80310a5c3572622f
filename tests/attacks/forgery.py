"""Forges wire values: of the right shape, with whatever in them a liar could put there."""

from typing import Any, TypeVar

from hypothesis import strategies as st
from msgspec import inspect as shapes

T = TypeVar("T")
NOISE_BYTES_MAX = 80


def forged(kind: type[T], *, known: list[bytes]) -> st.SearchStrategy[T]:
    """Any value of this type that would decode, often with bytes the victim knows in it."""
    strategy: st.SearchStrategy[T] = _of(shapes.type_info(kind), known)
    return strategy


def _of(shape: shapes.Type, known: list[bytes]) -> st.SearchStrategy[Any]:
    match shape:
        case shapes.StructType():
            fields = [_of(field.type, known) for field in shape.fields]
            return st.tuples(*fields).map(lambda values: shape.cls(*values))
        case shapes.UnionType():
            return st.one_of([_of(each, known) for each in shape.types])
        case shapes.ListType() | shapes.VarTupleType() | shapes.CollectionType():
            items = st.lists(_of(shape.item_type, known), max_size=min(shape.max_length or 4, 4))
            return items.map(tuple) if isinstance(shape, shapes.VarTupleType) else items
        case shapes.TupleType():
            return st.tuples(*(_of(each, known) for each in shape.item_types))
        case shapes.BytesType():
            return _bytes(shape.min_length or 0, shape.max_length, known)
        case shapes.EnumType():
            return st.sampled_from(list(shape.cls))
        case shapes.IntType():
            least, most = shape.ge if shape.ge is not None else -(2**63), shape.le or 2**63
            near = st.sampled_from([number for number in (-1, 0, 1, 2, 5, 10**4, 10**6) if least <= number <= most])
            return st.one_of(near, st.sampled_from([least, most]), st.integers(least, most))
        case shapes.StrType():
            return st.one_of(st.sampled_from(_WORDS), st.text(max_size=min(shape.max_length or 60, 60)))
        case shapes.BoolType():
            return st.booleans()
        case shapes.NoneType():
            return st.none()
        case _:
            raise AssertionError(f"the wire has no {shape}")


def _bytes(least: int, most: int | None, known: list[bytes]) -> st.SearchStrategy[bytes]:
    fitting = [each for each in known if least <= len(each) <= (most if most is not None else len(each))]
    # Not as much as there may be: nonsense is none the worse for its length, and Hypothesis draws only so many bytes.
    noise = st.binary(min_size=least, max_size=min(most if most is not None else least + 40, least + NOISE_BYTES_MAX))
    return st.one_of(st.sampled_from(fitting), noise) if fitting else noise


_WORDS = [
    "",
    "bea",
    "ann",
    "relay.busy",
    "recipient.device_gone",
    "account.not_registered",
    "no.such.cause",
    "a@b.example",
]
