"""``python -m kalends.model.crd > crds/kalends.dev_scheduledjobs.yaml``."""

import sys

from kalends.model.crd.definition import crd_yaml

sys.stdout.write(crd_yaml())
