"""The agent: the loop that ties what keepalived tells, and time, to failover IPs, return paths and sorries."""
