"""Adapter: the CSMS behind a WebSocket."""
