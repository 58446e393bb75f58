"""Texts about schedules: reading durations and instants, and explaining a schedule in English."""
