"""Random keepalived.conf texts out of everything that its reader treats specially. No sense is meant in them."""

import random

_LINES = r"""
global_defs {
 router_id x
vrrp_instance VI_@ {
vrrp_instance VI_@
{
}
}
}
 }
 interface eth0
 virtual_ipaddress {
  10.0.0.1 10.0.0.2
  10.0.0.1/24 dev eth0
 bogus a b
 bogus { c }
 bogus "a b"c d
 "quoted # ! { } word" x
 b"c d"e
 x#y z
 x\#y z
 x\ y
 x \
 # comment \
 ! foo
 zork "un#closed
 "a\"b" c
vrrp_script s@ { script "/bin/true"
 notification_email a@b
 notification_email { a@b
 notification_email
 track_interface { eth0 }
 track_script {
vrrp_sync_group G@ { group { a
 group {
 VI_1
virtual_server 10.0.0.1 80 {
 real_server 10.0.0.2 80 {
 TCP_CHECK {}
 TCP_CHECK { connect_timeout 3 }
 HTTP_GET { url { path /
 weight 1 alpha x
}}
$A=zing
$B=$A zong
$C= \
 multi one \
 multi two $A
$C
$M=foo { \
 bar \
 }

 k$A $A
 k${A}x
 $B y
 ${_HASH}foo
 "${_HASH}foo" ${_BANG} x
 ${_INSTANCE} q
@me only1
@^me only2
@other only3
@^other only4
@me
 @me $D=dd
 w $D
~SEQ(v, 1, 3) seq$v $v
~SEQ(v, 3) s${v}x
~SEQx(v, 9, 11) h$v
~SEQ(v,1) ~SEQ(w,2) n$v$w
~LST(l, a, b, c) lst$l
~LST({l,m}, {a,b}, {c}) lst$l$m
~SEQ(v 1 2
~LST(l)
$S=~SEQ(i,1,2) z$i
$S
 static_ipaddress {
static_ipaddress { 10.0.0.1/32 dev eth0 }
 {
 x{
 x{y}z
track_file t@ { file /tmp/x
SSL {
 ca x
garp_group {
 interfaces { eth0
 authentication { auth_type PASS
 auth_pass ab
 'single quoted' x
 zz "{"
 "}"
""".strip("\n").split("\n")


def text(seed: int) -> str:
    """Answer the text of *seed*: 3 to 40 lines."""
    chance = random.Random(seed)
    return "".join(f"{_line(chance)}\n" for _ in range(chance.randint(3, 40)))


def _line(chance: random.Random) -> str:
    if chance.random() < 0.1:
        return "".join(chance.choice(' \t{}"!$ab@~') for _ in range(chance.randint(1, 8)))
    return (
        chance.choice(_LINES)
        .replace("_@", f"_{chance.randint(1, 3)}")
        .replace("s@", f"s{chance.randint(1, 3)}")
    )
