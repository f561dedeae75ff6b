# SPDX-License-Identifier: GPL-3.0-or-later
"""Synthetic FHIR R4 records of people on the move; see ../demo.py for the command."""
