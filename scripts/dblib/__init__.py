# SPDX-License-Identifier: BSD-3-Clause
"""Roles, promotion, backups of the database servers. See scripts/database --help."""
