"""Failover IPs: addresses that only a provider's API moves from one director to the other."""
