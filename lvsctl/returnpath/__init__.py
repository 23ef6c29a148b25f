"""Makes an address answer through the gateway it belongs to, and says when it does not.

:mod:`~lvsctl.returnpath.intent` knows which routes and rules that takes, :mod:`~lvsctl.returnpath.apply` makes them,
:mod:`~lvsctl.returnpath.check` asks the kernel.
"""
