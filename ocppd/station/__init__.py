"""The domain core, one module per OCPP functional block; no I/O."""
