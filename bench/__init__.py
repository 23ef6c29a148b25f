"""Benchmarks: side by side with the peer in one run, told as ratios. ``make bench``, or ``python -m bench NAME…``."""
