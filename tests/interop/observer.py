# SPDX-License-Identifier: BSD-3-Clause
"""Asks for virtual addresses by ARP and neighbour solicitations every few milliseconds, and notes
who answers and who announces them. Run inside a client's namespace:

    observer.py INTERFACE MAC IPV4 IPV6 VIP...

Prints a line of JSON for each frame: {"at": seconds of CLOCK_MONOTONIC, "vip": address, "mac": whose,
"kind": "answer" or "announcement"}. Ends with its standard input."""

import ipaddress
import json
import select
import socket
import struct
import sys
import time

PERIOD_S = 0.004
ETH_ARP, ETH_IPV6 = 0x0806, 0x86dd


def arp_request(mac, own, vip):
    return (b"\xff" * 6 + mac + struct.pack("!HHHBBH", ETH_ARP, 1, 0x0800, 6, 4, 1)
            + mac + own.packed + bytes(6) + vip.packed)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def solicitation(mac, own, vip):
    group = ipaddress.ip_address("ff02::1:ff00:0").packed[:13] + vip.packed[13:]
    body = struct.pack("!BBHI", 135, 0, 0, 0) + vip.packed + b"\x01\x01" + mac
    pseudo = own.packed + group + struct.pack("!II", len(body), 58)
    body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
    header = struct.pack("!IHBB", 6 << 28, len(body), 58, 255)
    return b"\x33\x33" + group[12:] + mac + struct.pack("!H", ETH_IPV6) + header \
        + own.packed + group + body


def read(frame, own_mac):
    """(kind, VIP, MAC) of an ARP packet or an advertisement; None for all else."""
    ethertype = struct.unpack("!H", frame[12:14])[0]
    if ethertype == ETH_ARP and len(frame) >= 42:
        sender, target = frame[28:32], frame[38:42]
        kind = "announcement" if sender == target else "answer"
        if kind == "answer" and (frame[21] != 2 or frame[:6] != own_mac):
            return None
        return kind, ipaddress.ip_address(sender), frame[22:28]
    if ethertype == ETH_IPV6 and len(frame) >= 86 and frame[20] == 58 and frame[54] == 136:
        kind = "answer" if frame[:6] == own_mac else "announcement"
        return kind, ipaddress.ip_address(frame[62:78]), frame[80:86]
    return None


def main(interface, mac, *addresses):
    own_mac = bytes.fromhex(mac.replace(":", ""))
    own4, own6, *vips = map(ipaddress.ip_address, addresses)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.bind((interface, 0))
    questions = [arp_request(own_mac, own4, vip) if vip.version == 4
                 else solicitation(own_mac, own6, vip) for vip in vips]
    due = time.monotonic()
    while True:
        ready, _, _ = select.select([sock, sys.stdin], [], [], max(0, due - time.monotonic()))
        if sys.stdin in ready:
            return
        if sock in ready:
            found = read(sock.recv(2048), own_mac)
            if found and found[1] in vips:
                print(json.dumps({"at": time.monotonic(), "vip": str(found[1]),
                                  "mac": found[2].hex(":"), "kind": found[0]}), flush=True)
        if time.monotonic() >= due:
            for question in questions:
                sock.send(question)
            due = time.monotonic() + PERIOD_S


if __name__ == "__main__":
    main(*sys.argv[1:])
