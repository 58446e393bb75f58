{{- /* What the operator may do, and what for. tests/chart compares it with a table of what the code asks for. */ -}}
{{- define "kalends.rules" -}}
# Schedules are watched, read again where somebody else wrote in between, and deleted after `ttlSecondsAfterFinished`.
- apiGroups: [kalends.dev]
  resources: [scheduledjobs]
  verbs: [get, list, watch, delete]
# What was decided, what ran and how it ended is recorded there, and nowhere else.
- apiGroups: [kalends.dev]
  resources: [scheduledjobs/status]
  verbs: [patch]
# Jobs are owned with blockOwnerDeletion, which needs this right where the API server enforces
# OwnerReferencesPermissionEnforcement, as OpenShift does. No finalizer is ever set.
- apiGroups: [kalends.dev]
  resources: [scheduledjobs/finalizers]
  verbs: [update]
# A Job for each run of a jobTemplate, adopted where it is there already, and deleted beyond the history limits.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
# How containers ended: exit codes and termination messages become the run's result.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# What needs attention; repeats are counted on the Event that is there.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
