{{- /* Permissions of the operator, with their reasons. tests/chart compares them with the requests of the code. */ -}}
{{- define "kalends.rules" -}}
# Schedules are watched, read again after a write conflict, and deleted after `ttlSecondsAfterFinished`.
- apiGroups: [kalends.dev]
  resources: [scheduledjobs]
  verbs: [get, list, watch, delete]
# The status is the only record of decisions, runs and outcomes.
- apiGroups: [kalends.dev]
  resources: [scheduledjobs/status]
  verbs: [patch]
# Jobs are owned with blockOwnerDeletion, which needs this permission if the API server enforces
# OwnerReferencesPermissionEnforcement, as OpenShift does. No finalizer is ever set.
- apiGroups: [kalends.dev]
  resources: [scheduledjobs/finalizers]
  verbs: [update]
# A Job for each run of a jobTemplate. Existing Jobs are adopted; Jobs above the history limits are deleted.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
# Exit codes and termination messages of containers become the result of the run.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# Events report what needs attention; repetitions increase the count of an existing Event.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
