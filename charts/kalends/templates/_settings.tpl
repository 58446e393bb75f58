{{- /* The settings file of the operator, from values in camelCase. */ -}}

{{- define "kalends.port" -}}8080{{- end }}

{{- define "kalends.settings" -}}
{{- with .Values.settings }}
time_zone: {{ .timeZone | quote }}
namespaces: {{ toJson $.Values.watchNamespaces }}
executors:
  {{- range $alias, $one := .executors }}
  {{ quote $alias }}:
    kind: {{ $one.kind }}
    workers: {{ int $one.workers }}
    {{- if not (kindIs "invalid" $one.maxReplacedThreads) }}
    max_replaced_threads: {{ int $one.maxReplacedThreads }}
    {{- end }}
    {{- with $one.maxRunsPerWorker }}
    max_runs_per_worker: {{ int . }}
    {{- end }}
  {{- end }}
jobs:
  max_running: {{ if kindIs "invalid" .jobs.maxRunning }}null{{ else }}{{ int .jobs.maxRunning }}{{ end }}
job_defaults:
  coalesce: {{ .jobDefaults.coalesce }}
  max_instances: {{ int .jobDefaults.maxInstances }}
  {{- if not (kindIs "invalid" .jobDefaults.startingDeadlineSeconds) }}
  starting_deadline_seconds: {{ int .jobDefaults.startingDeadlineSeconds }}
  {{- end }}
  executor: {{ quote .jobDefaults.executor }}
task_modules: {{ include "kalends.taskModules" $ }}
drain_seconds: {{ int .drainSeconds }}
api_connections: {{ int .apiConnections }}
events_for_success: {{ .eventsForSuccess }}
leader_election:
  {{- with $.Values.leaderElection }}
  enabled: {{ .enabled }}
  name: {{ include "kalends.leaseName" $ | quote }}
  lease_duration: {{ .leaseDuration }}
  renew_deadline: {{ .renewDeadline }}
  retry_period: {{ .retryPeriod }}
  take_over_seconds: {{ .takeOverSeconds }}
  replaces: {{ toJson .replaces }}
  {{- end }}
health_port: {{ include "kalends.port" $ }}
{{- end }}
{{- end }}

{{- define "kalends.leaseName" -}}
{{- default (include "kalends.fullname" .) .Values.leaderElection.name }}
{{- end }}

{{- /* Every module whose tasks may be named, as a JSON list. */ -}}
{{- define "kalends.taskModules" -}}
{{- $modules := .Values.tasks.modules }}
{{- range $file, $_ := .Values.tasks.files }}
{{- $modules = append $modules (trimSuffix ".py" $file) }}
{{- end }}
{{- range .Values.tasks.configMaps }}
{{- $modules = concat $modules .modules }}
{{- end }}
{{- $modules | uniq | toJson }}
{{- end }}

{{- define "kalends.tasksFolder" -}}/etc/kalends/tasks{{- end }}

{{- /* "yes" where modules are mounted, else nothing. */ -}}
{{- define "kalends.mountsTasks" -}}
{{- if or .Values.tasks.files .Values.tasks.configMaps }}yes{{- end }}
{{- end }}
