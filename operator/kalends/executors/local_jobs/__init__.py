"""The containers of a ``jobTemplate`` as processes of this machine, for trials without a cluster."""
