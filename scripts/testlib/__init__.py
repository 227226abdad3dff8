# SPDX-License-Identifier: BSD-3-Clause
"""Runs the test suites and counts. See scripts/test --help."""
