"""Addresses as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppd.tools.address import Address, BadAddress, parse_address, parse_assignment

NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=10)
INSTANCES = st.none() | st.text(
    st.characters(codec="ascii", exclude_characters="[]", categories=["L", "N", "P", "S"]),
    min_size=1,
    max_size=10,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("HeartbeatInterval", Address("", "HeartbeatInterval")),
        ("DefaultPriceText,de", Address("", "DefaultPriceText,de")),
        (".Vendor.Key[1]", Address("", "Vendor.Key[1]")),
        ("C.V", Address("C", "V")),
        ("C[i.j].V[k=l]", Address("C", "V", "i.j", "k=l")),
        ("C.V@2", Address("C", "V", evse_id=2)),
        ("C[a].V@2.1", Address("C", "V", "a", evse_id=2, connector_id=1)),
    ],
)
def test_an_address_is_read(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["", ".", "C.", "C..V", "C.V.W", "C[].V", "C[a.V", "C.V@", "C.V@1.", "C.V@-1"],
)
def test_what_is_no_address_is_told_with_what_is_one(text: str) -> None:
    with pytest.raises(BadAddress, match=r"Component\[instance\]"):
        parse_address(text)


@given(
    NAMES,
    NAMES,
    INSTANCES,
    INSTANCES,
    st.none() | st.tuples(st.integers(0, 999), st.none() | st.integers(0, 99)),
)
def test_every_address_can_be_written_and_read_again(
    component: str,
    variable: str,
    component_instance: str | None,
    variable_instance: str | None,
    where: tuple[int, int | None] | None,
) -> None:
    evse, connector = where or (None, None)
    address = Address(component, variable, component_instance, variable_instance, evse, connector)
    assert parse_address(str(address)) == address
    item = {
        "component": address.component_dict("connectorId"),
        "variable": address.variable_dict(),
    }
    assert Address.from_dict(item) == address


def test_an_assignment_ends_at_the_first_equals_sign_outside_brackets() -> None:
    assert parse_assignment("C[a=b].V=x=y") == (Address("C", "V", "a=b"), "x=y")
    assert parse_assignment("Key=") == (Address("", "Key"), "")
    with pytest.raises(BadAddress, match="has no '='"):
        parse_assignment("C.V")
