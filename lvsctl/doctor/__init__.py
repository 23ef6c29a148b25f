"""Is this machine healthy? One file per noun that is examined; :mod:`lvsctl.doctor.examine` runs them all."""
