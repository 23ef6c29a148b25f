from lvsctl.compose.adopt import adopt
from lvsctl.compose.render import render
from lvsctl.compose.rules import Pair, Severity, check
from lvsctl.keepalived.parse import parse
from lvsctl.spec.document import read
from lvsctl.spec.load import load

FLAWED = """
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 100
    track_script { nowhere }
    virtual_ipaddress { 10.0.0.1/24 }
}
"""


def test_a_flawed_file_renders_to_what_it_was_and_its_flaws_are_listed() -> None:
    adopted = adopt({"": parse(FLAWED, file="keepalived.conf")})
    declared = load(read(adopted.text, file="lvs.yaml"))
    assert "nowhere" in render(declared, "").text
    checked = check(Pair(declared.specs))
    assert not [each for each in checked.findings if each.rule.severity is Severity.ERROR]
    assert [each.rule.id for each in checked.ignored] == [each.rule.id for each in adopted.flaws] != []


def test_a_sound_file_gets_nothing_to_ignore() -> None:
    sound = FLAWED.replace("    track_script { nowhere }\n", "")
    assert "ignore" not in adopt({"": parse(sound, file="keepalived.conf")}).data
