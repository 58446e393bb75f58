"""``python -m kalends.model.crd > crds/kalends.dev_scheduledjobs.yaml``."""

import sys

from kalends.model.crd.manifest import crd_yaml

sys.stdout.write(crd_yaml())
