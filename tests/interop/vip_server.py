# SPDX-License-Identifier: BSD-3-Clause
"""A server at the addresses and ports of its arguments ("tcp/10.77.1.100/80"): answers what comes
by TCP as HTTP, and by UDP with "pong". Says "ready" when it listens."""

import asyncio
import ipaddress
import socket
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Pong(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(b"pong", addr)


async def serve(reader, writer):
    try:
        while await reader.read(4096):
            writer.write(ANSWER)
    except OSError:
        pass
    finally:
        writer.close()


def family_of(address):
    return socket.AF_INET if ipaddress.ip_address(address).version == 4 else socket.AF_INET6


async def main():
    loop = asyncio.get_running_loop()
    for word in sys.argv[1:]:
        protocol, address, port = word.split("/")
        if protocol == "tcp":
            await asyncio.start_server(serve, address, int(port), family=family_of(address),
                                       reuse_address=True)
        else:
            await loop.create_datagram_endpoint(Pong, (address, int(port)))
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
