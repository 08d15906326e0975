"""Adapter: the bus."""
