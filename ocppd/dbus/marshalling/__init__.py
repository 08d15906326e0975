"""D-Bus dictionaries to and from the values of `ocppd.model`, one module per subject."""
