"""OCPP for charging stations, as a D-Bus service."""

import sys
from os import path

__version__ = "0.1.0"

# A distribution puts here what it has only in a version that is too old.
_VENDOR = path.join(path.dirname(__file__), "_vendor")
if path.isdir(_VENDOR) and _VENDOR not in sys.path:
    sys.path.insert(0, _VENDOR)
