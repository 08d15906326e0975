"""OCPP-J without I/O: frames and the rules of asking and answering; it knows no action."""
