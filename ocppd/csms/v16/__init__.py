"""OCPP 1.6 as the CSMS reads and writes it: one module per functional block."""
