"""What ``ipvsadm -h`` prints."""

from typing import Final

HELP: Final = """\
ipvsadm's command line, spoken by lvsctl. See ipvsadm(8) for what each option means.

  lvsctl ipvsadm -A|-E SERVICE [-s SCHEDULER] [-p [SECONDS]] [-M MASK] [--pe ENGINE] [-b FLAG,…] [-o]
  lvsctl ipvsadm -D SERVICE
  lvsctl ipvsadm -a|-e SERVICE -r SERVER [-g|-i|-m] [-w WEIGHT] [-x UPPER] [-y LOWER] [TUNNEL]
  lvsctl ipvsadm -d SERVICE -r SERVER
  lvsctl ipvsadm -L|-l [SERVICE] [-n] [--stats|--rate|--thresholds|--persistent-conn|--tun-info] [--exact] [--nosort]
  lvsctl ipvsadm -L -c [-n] [--persistent-conn] | -L --timeout | -L --daemon
  lvsctl ipvsadm -S [-n] | -R | -C | -Z [SERVICE]
  lvsctl ipvsadm --set TCP TCPFIN UDP
  lvsctl ipvsadm --start-daemon master|backup [DAEMON] | --stop-daemon master|backup
  lvsctl ipvsadm -h | -v

  SERVICE  -t|-u|--sctp-service ADDRESS[:PORT] | -f MARK [-6]
  TUNNEL   --tun-type ipip|gue|gre [--tun-port PORT] [--tun-nocsum|--tun-csum|--tun-remcsum]
  DAEMON   --syncid ID --mcast-interface NAME --mcast-group ADDRESS --mcast-port PORT --mcast-ttl TTL --sync-maxlen BYTES

Beyond ipvsadm: --local and --bypass are forwarding methods, --tun-flags NUMBER sets tunnel flags that have no name.
`lvsctl ipvs` has what ipvsadm lacks: diff, apply, exact save and restore, drain."""
