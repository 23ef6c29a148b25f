"""Where lvsctl's parts are on a director. Constants: a rendered file is the same wherever it was rendered."""

LIBEXEC = "/usr/libexec/lvsctl"
"""What keepalived executes."""

VRRP_NOTIFY_FIFO = "/run/lvsctl/vrrp_notify_fifo"
"""Where keepalived tells every VRRP transition in order."""
