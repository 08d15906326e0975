"""What a station decides otherwise because of how its CSMS thinks, as facts with names.

What a version merely says otherwise is settled where it is spelled.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Manners:
    """How the CSMS thinks of stations, tokens and values; unless said otherwise as OCPP 2.1 does.

    Attributes:
        names_transactions: the CSMS gives a transaction its id in the answer to its start (1.6,
            4.8)
        addresses_connectors_alone: there are numbered connectors and the station, and no name for
            an EVSE (1.6, 3.8)
        preparing_is_busy: a connector that is being prepared goes on to charging or back to
            Available before it becomes Unavailable (1.6, 4.9)
        types_tokens: a token has a type, by which a Central one is known to be the CSMS's own
            (C03.FR.01, C05.FR.01); in 1.6 (7.28) it has none, and the CSMS may want to be asked
            about tokens that it sent itself (1.6, 5.11)
        knows_unknown_tokens: there is a word for a token that nobody knows; in 1.6 it is Invalid
            (1.6, 7.2)
        samples_by_one_interval: what goes into the end of a transaction is sampled as often as what
            is told meanwhile, aligned values likewise (1.6, 3.16.1 and 3.16.2)
        switches_signed_values: the CSMS says by variables which values are to be signed; in 1.6
            values just have the format SignedData where they are (1.6, 7.49)
        idle_readings_are_durable: clock-aligned values wait for the connection also outside of a
            transaction (1.6, 3.7)
        triggers_sampled_values: a CSMS that asks for meter values wants the measurands of the
            sampled ones (1.6, 5.17), not of the clock-aligned ones (F06.FR.06)
        replaces_profiles_of_same_level: a charging profile takes the place of one of the same
            purpose and stack level (1.6, 3.13.2), which is refused otherwise (K01.FR.06)
        plans_certificates: a certificate of the station may be sent before it is valid, and the
            old one stays for a month (whitepaper for 1.6, A02.FR.08 to FR.10); in 2.x it has to
            be valid at once, and what is not in use goes (2.0.1 errata 2025-09, 2.9)
        empty_list_has_no_version: version 0 says that the local list is empty (1.6, 5.10), not that
            there has never been one (D02)

    """

    names_transactions: bool = False
    addresses_connectors_alone: bool = False
    preparing_is_busy: bool = False
    types_tokens: bool = True
    knows_unknown_tokens: bool = True
    samples_by_one_interval: bool = False
    switches_signed_values: bool = True
    idle_readings_are_durable: bool = False
    triggers_sampled_values: bool = False
    replaces_profiles_of_same_level: bool = False
    plans_certificates: bool = False
    empty_list_has_no_version: bool = False
