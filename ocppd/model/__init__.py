"""The vocabulary of the station: values and enumerations, without behaviour."""
