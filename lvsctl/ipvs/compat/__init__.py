"""ipvsadm's command line, spoken by lvsctl: the same effects, output and exit status as ipvsadm 1.31.

Its rule language is also the format of saved tables (:mod:`~lvsctl.ipvs.compat.rules`). Only the standard library is
loaded, because scripts call this a thousand times. Nothing here knows the spec or typer.
"""
