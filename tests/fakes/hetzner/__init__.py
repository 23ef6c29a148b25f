"""A fake of Hetzner's two failover APIs: Robot's failover IPs and Cloud's floating IPs.

- ``robot.RobotState`` and ``cloud.CloudState``: ``handle(request, now) -> Reply``, pure, no socket, no clock
- ``front.Front``: one of them with its faults and its journal
- ``simulated``: an httpx transport and an event loop in made-up time, for thousands of runs
- ``server.HetznerFake``: real TLS sockets on the loopback, in this process; ``python -m tests.fakes.hetzner`` in its own
"""
