"""The reliability targets R1 to R24, each run against real processes: `make torture`."""
