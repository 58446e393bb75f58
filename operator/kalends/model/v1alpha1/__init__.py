"""The classes of the API version ``kalends.dev/v1alpha1``: what is written in ``spec`` and ``status``."""
