"""Decides what happens to each fire time of one resource. Pure and synchronous."""
