"""The one device model behind all OCPP versions."""
