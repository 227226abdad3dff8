# SPDX-License-Identifier: BSD-3-Clause
"""The lab: weir's whole picture in network namespaces of one machine. See scripts/lab --help."""
