"""Render 10, 100 and 1,000 virtual servers × 10 real servers, beside CSafeLoader plus a bare Jinja2 loop."""

import sys
from collections.abc import Callable
from pathlib import Path

import jinja2
import yaml

from bench.measure import alternately, peak_memory, process
from lvsctl.compose.render import render
from lvsctl.spec.document import read
from lvsctl.spec.load import load

SIZES = (10, 100, 1000)
REAL_SERVERS = 10
TARGET = 1.5

TEMPLATE = """\
{% for name, service in virtual_servers.items() %}
virtual_server {{ service.address }} {{ service.port }} {
    lvs_sched {{ service.lvs_sched }}
    lvs_method {{ service.lvs_method }}
    protocol {{ service.protocol }}
    sorry_server {{ nodes.lb1.address }} 8503
{% for server in service.real_servers %}
    real_server {{ server.address }} {{ server.port }} {
        weight {{ server.weight }}
{% for check in service.checks %}
{% for kind, options in check.items() %}
        {{ kind }} {
{% for url in options.url %}
            url {
                path {{ url.path }}
                status_code {{ url.status_code }}
            }
{% endfor %}
            connect_timeout {{ options.connect_timeout }}
        }
{% endfor %}
{% endfor %}
    }
{% endfor %}
}

{% endfor %}
"""


def spec(services: int) -> str:
    """Write a spec of so many services."""
    lines = ["nodes:", "  lb1: {address: 10.255.0.11, priority: 150}", "virtual_servers:"]
    for index in range(services):
        lines += [
            f"  web{index}:",
            f"    address: 203.0.{index // 250}.{index % 250 + 1}",
            "    port: 80",
            "    protocol: TCP",
            "    lvs_sched: wlc",
            "    lvs_method: NAT",
            "    sorry_server: {}",
            "    checks: [{HTTP_GET: {url: [{path: /healthz, status_code: 200}], connect_timeout: 3}}]",
            "    real_servers:",
        ]
        lines += [
            f"      - {{address: 10.{index % 250}.{index // 250}.{server}, port: 8080, weight: 1}}"
            for server in range(1, REAL_SERVERS + 1)
        ]
    return "\n".join(lines) + "\n"


def bare(text: str) -> Callable[[], str]:
    """Make the peer's job: load with PyYAML's C loader, paste into a template, check nothing."""
    template = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, autoescape=False).from_string(
        TEMPLATE
    )
    return lambda: template.render(yaml.load(text, Loader=yaml.CSafeLoader))


def ours(text: str) -> Callable[[], str]:
    """Make our job: read with positions at hand, type, resolve, compose, print."""
    return lambda: render(load(read(text, file="spec.yaml")), "lb1").text


def run() -> None:
    """Print the table."""
    print("render: lvsctl against yaml.CSafeLoader plus a bare Jinja2 loop over the same data")
    print(f"{'services':>9} {'lvsctl s':>9} {'bare s':>9} {'ratio':>6}   target <= {TARGET}")
    for size in SIZES:
        text = spec(size)
        measured = alternately(ours(text), bare(text))
        print(
            f"{size:>6}x{REAL_SERVERS} {measured.ours:>9.3f} {measured.theirs:>9.3f} {measured.ratio:>6.2f}"
        )
    _memory()
    _processes()


def _memory() -> None:
    code = "from bench.render import ours, bare, spec; {}(spec(1000))()"
    print(
        f"peak memory at 1000x10: lvsctl {peak_memory(code.format('ours')):.0f} MiB, bare {peak_memory(code.format('bare')):.0f} MiB"
    )


def _processes() -> None:
    lvsctl = str(Path(sys.executable).with_name("lvsctl"))
    nothing = process([sys.executable, "-c", "pass"])
    pair = str(Path(__file__).resolve().parents[1] / "examples" / "pair.yaml")
    for name, argv in {
        "lvsctl --help": [lvsctl, "--help"],
        "lvsctl render pair.yaml": [lvsctl, "render", pair, "--node", "lb1"],
    }.items():
        measured = alternately(process(argv), nothing, rounds=10)
        print(
            f"{name}: {measured.ratio:.1f} x a bare interpreter start ({measured.ours * 1000:.0f} ms / {measured.theirs * 1000:.0f} ms)"
        )
    print()
