# SPDX-License-Identifier: BSD-3-Clause
"""The benchmarks. See scripts/bench --help."""
