"""The edge to this machine: processes, files, paths. Knows nothing of keepalived, IPVS or the spec."""
