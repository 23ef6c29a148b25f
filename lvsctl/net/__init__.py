"""Links, addresses, routes, rules and connection tracking of one network namespace, typed.

:mod:`~lvsctl.net.model` says what they are, :mod:`~lvsctl.net.kernel` reads and changes them.
"""
