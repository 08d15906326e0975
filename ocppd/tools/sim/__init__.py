"""A simulated host of ocppd: EVSEs that a person or a test can plug, swipe, charge and break.

The core (`charger`, `evse`, `arbiter`, `meter`, `vehicle`, `faults`, `switches`, `outbox`) does no
I/O and takes its time from outside; `host` carries its reports to ocppd and ocppd's wishes to it,
through the public D-Bus interface alone; `control` offers the buttons of the simulator on the bus.
"""
