"""The spec: what an operator declares about a pair of directors, typed and with positions."""
