"""D-Bus signatures under names that type checkers read as Python types.

Modules that annotate exported methods with these must not postpone the evaluation of
annotations: at run time the annotation is the signature itself.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ocppd.dbus.binding import Variant

    Dict = dict[str, Variant]
    Dicts = list[dict[str, Variant]]
    Int32 = int
    Double = float
    Str = str
    Strs = list[str]
    Bool = bool
    ObjectPath = str
    Owners = dict[str, Any]
else:
    Dict = "a{sv}"
    Dicts = "aa{sv}"
    Int32 = "i"
    Double = "d"
    Str = "s"
    Strs = "as"
    Bool = "b"
    ObjectPath = "o"
    Owners = "a{s(so)}"
