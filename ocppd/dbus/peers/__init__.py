"""Clients of other services on the bus: what the machine can do where no agent is registered."""
