# SPDX-License-Identifier: BSD-3-Clause
"""Positions in the replicated history: '0-1-270,1-2-9', one global transaction id per domain."""


def parse(text):
    """{domain: sequence}"""
    found = {}
    for gtid in filter(None, text.split(",")):
        domain, _, sequence = gtid.strip().split("-")
        found[int(domain)] = int(sequence)
    return found


def covers(position, other):
    """Whether a server at 'position' has gone as far as 'other'. That both went the same way, only
    a server can tell, from its log."""
    mine, others = parse(position), parse(other)
    return all(mine.get(domain, -1) >= sequence for domain, sequence in others.items())


def progress(position):
    """A number to compare servers of one history by."""
    return sum(parse(position).values())
