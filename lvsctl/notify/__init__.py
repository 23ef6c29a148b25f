"""What keepalived tells, recorded and read: an island that imports nothing else of lvsctl."""
