# SPDX-License-Identifier: BSD-3-Clause
"""Errors that a person can do something about."""


class LabError(Exception):
    """What failed, and below it why and what to do."""

    def __init__(self, what, *details):
        super().__init__(what)
        self.what = what
        self.details = [detail for detail in details if detail]

    def __str__(self):
        return "\n".join([self.what, *("  " + line for detail in self.details
                                       for line in str(detail).splitlines())])
