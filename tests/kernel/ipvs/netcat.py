"""As much of ``nc`` as the kernel's selftest asks for: ``nc -l -p PORT`` and ``nc -w SECONDS HOST PORT``."""

import socket
import sys


def main(arguments: list[str]) -> None:
    if arguments[0] == "-l":
        with socket.create_server(("", int(arguments[2]))) as listening:
            connection = listening.accept()[0]
        with connection:
            while data := connection.recv(4096):
                sys.stdout.buffer.write(data)
        return
    with socket.create_connection(
        (arguments[2], int(arguments[3])), timeout=float(arguments[1])
    ) as connection:
        connection.sendall(sys.stdin.buffer.read())


if __name__ == "__main__":
    main(sys.argv[1:])
