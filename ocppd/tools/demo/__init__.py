"""A demonstration: a charger, a CSMS and the daemon on a bus of their own, live in the terminal."""
