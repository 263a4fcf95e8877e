"""How registers lie in a row of the store."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from footfall.stores.histories import decode_registers, encode_registers

VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5)
REGISTERS = st.dictionaries(st.text(max_size=4), st.tuples(VALUES, st.integers(-(10**15), 10**16)), max_size=8)


@given(REGISTERS)
def test_registers_are_read_as_they_were_written(registers):
    assert decode_registers(encode_registers(registers)) == registers


@given(REGISTERS, st.randoms(use_true_random=False))
def test_the_same_registers_have_the_same_text(registers, random):
    names = list(registers)
    random.shuffle(names)
    assert encode_registers({name: registers[name] for name in names}) == encode_registers(registers)


@given(REGISTERS)
def test_rows_of_an_instant_per_attribute_are_still_read(registers):
    before = json.dumps({name: list(register) for name, register in registers.items()})
    assert decode_registers(before) == registers


def test_what_was_said_at_one_instant_shares_it():
    assert encode_registers({"b": (1, 5), "a": ("x", 5), "c": (None, 4)}) == '{"4":{"c":null},"5":{"a":"x","b":1}}'
