"""Gateways: which uplinks are good, which one is in use, and the routes and rules that make it so.

::

    probes ─▶ Sample ─health─▶ Standing ─choice─▶ Decision ─switch─▶ routes, conntrack, hooks, track_file

:mod:`~lvsctl.uplink.model`, :mod:`~lvsctl.uplink.health`, :mod:`~lvsctl.uplink.choice` and
:mod:`~lvsctl.uplink.intent` are pure; :func:`lvsctl.uplink.keeper.keep_uplinks` ties them to the rest.
"""
