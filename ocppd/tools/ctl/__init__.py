"""`ocppctl`: what ocppd does, said and set by a person, over the same bus as every other client."""
