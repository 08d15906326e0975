"""OCPP 2.1 as the CSMS reads and writes it: one module per functional block."""
