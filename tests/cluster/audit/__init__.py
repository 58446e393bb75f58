"""An independent audit of what the operator did: nothing missing, nothing twice, every count right.

It imports nothing of Kalends. It knows what a user could know (manifests, when they were applied, edited, deleted, and
what the API server answered), what a test did to the operator, what tasks themselves wrote down, and the Jobs that
somebody else saw; fire times come from another cron library and from plain arithmetic.
"""

from .dossier import Act, Dossier, Execution, Fault, SeenJob
from .examine import examine
from .patience import Patience
from .verdict import Finding, Verdict

__all__ = ["Act", "Dossier", "Execution", "Fault", "Finding", "Patience", "SeenJob", "Verdict", "examine"]
