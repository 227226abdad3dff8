# SPDX-License-Identifier: BSD-3-Clause
"""late_echo.py ADDRESS SECONDS: answers echo requests to ADDRESS so much later, where the kernel is
told not to. Other echo replies come as well, which nobody has asked for."""

import socket
import sys
import threading

ADDRESS, DELAY_S = sys.argv[1], float(sys.argv[2])
V6 = ":" in ADDRESS
REQUEST, REPLY = (128, 129) if V6 else (8, 0)


def reply_to(request):
    # The checksum of ICMPv6 is the kernel's; that of ICMP follows the change of the type.
    checksum = int.from_bytes(request[2:4], "big") + (0 if V6 else REQUEST << 8)
    checksum = (checksum & 0xffff) + (checksum >> 16)
    return bytes([REPLY, 0]) + checksum.to_bytes(2, "big") + request[4:]


def main():
    family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if V6 else \
        (socket.AF_INET, socket.IPPROTO_ICMP)
    raw = socket.socket(family, socket.SOCK_RAW, protocol)
    raw.bind((ADDRESS, 0))
    while True:
        data, peer = raw.recvfrom(65536)
        request = data if V6 else data[(data[0] & 15) * 4:]
        if request[0] != REQUEST:
            continue
        stray = request[:4] + bytes([request[4] ^ 1]) + request[5:]
        raw.sendto(reply_to(stray), peer)
        threading.Timer(DELAY_S, raw.sendto, (reply_to(request), peer)).start()


main()
