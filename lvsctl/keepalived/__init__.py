"""keepalived's configuration language as data, and its daemon as a judge. Knows no spec."""
