"""Adapter: certificates and keys in files, and what X.509 says of them.

What needs `cryptography` (`x509_checks`, `worker`) runs in a child process that lives for one
question; the daemon itself never imports it.
"""
