{{- /* What values.schema.json cannot say, or not in words. */ -}}
{{- define "kalends.checks" -}}
{{- include "kalends.checkSet" . }}
{{- include "kalends.checkNames" . }}
{{- include "kalends.checkEnv" . }}
{{- with .Values }}
{{- with .leaderElection }}
{{- if and (gt (int $.Values.replicaCount) 1) (not .enabled) }}
{{- fail "replicaCount must be 0 or 1 without leaderElection.enabled: two operators would get in each other's way" }}
{{- end }}
{{- if not (and (gt (float64 .leaseDuration) (float64 .renewDeadline)) (gt (float64 .renewDeadline) (float64 .retryPeriod))) }}
{{- fail "leaderElection must have leaseDuration > renewDeadline > retryPeriod" }}
{{- end }}
{{- end }}
{{- if not (hasKey .settings.executors .settings.jobDefaults.executor) }}
{{- fail (printf "settings.jobDefaults.executor must be one of %s, got '%s'" (keys .settings.executors | sortAlpha | join ", ") .settings.jobDefaults.executor) }}
{{- end }}
{{- if and (or .metrics.serviceMonitor.enabled .metrics.prometheusRule.enabled) (not .metrics.enabled) }}
{{- fail "metrics.enabled must be true for a serviceMonitor or a prometheusRule: they find the pod by that Service" }}
{{- end }}
{{- $sources := dict }}
{{- range $file, $_ := .tasks.files }}
{{- $_ := set $sources (trimSuffix ".py" $file) "tasks.files" }}
{{- end }}
{{- range $one := .tasks.configMaps }}
{{- range $one.modules }}
{{- if hasKey $sources . }}
{{- fail (printf "each task module must have a single source, but %s comes from %s and from tasks.configMaps (%s)" . (get $sources .) $one.name) }}
{{- end }}
{{- $_ := set $sources . "tasks.configMaps" }}
{{- end }}
{{- end }}
{{- end }}
{{- include "kalends.checkCluster" . }}
{{- end }}

{{- /* Values that templates need: one may be missing because it was set to null, or because `helm upgrade --reuse-values`
takes the values of an older chart, which has not all of them. */ -}}
{{- define "kalends.needed" -}}
image image.repository image.pullPolicy
watchNamespaces
settings settings.timeZone settings.executors settings.jobs settings.jobDefaults settings.jobDefaults.coalesce
settings.jobDefaults.maxInstances settings.jobDefaults.executor settings.drainSeconds settings.apiConnections
settings.eventsForSuccess
leaderElection leaderElection.enabled leaderElection.leaseDuration leaderElection.renewDeadline leaderElection.retryPeriod
leaderElection.takeOverSeconds leaderElection.replaces
log log.level log.format
tasks tasks.modules
replicaCount
serviceAccount serviceAccount.create
rbac rbac.create rbac.aggregateRoles
crds crds.enabled crds.keep
metrics metrics.enabled
metrics.serviceMonitor metrics.serviceMonitor.enabled metrics.serviceMonitor.interval metrics.serviceMonitor.scrapeTimeout
metrics.prometheusRule metrics.prometheusRule.enabled
podDisruptionBudget networkPolicy networkPolicy.enabled checkCluster
{{- end }}

{{- define "kalends.checkSet" -}}
{{- range $path := include "kalends.needed" . | replace "\n" " " | splitList " " }}
{{- $value := $.Values }}
{{- range $name := splitList "." $path }}
{{- if not (and (kindIs "map" $value) (hasKey $value $name)) }}
{{- fail (printf "%s must be set, and not to null; after an upgrade of the chart, use --reset-then-reuse-values instead of --reuse-values" $path) }}
{{- end }}
{{- $value = index $value $name }}
{{- if kindIs "invalid" $value }}
{{- fail (printf "%s must be set, and not to null; after an upgrade of the chart, use --reset-then-reuse-values instead of --reuse-values" $path) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "kalends.checkNames" -}}
{{- with .Values }}
{{- if hasKey .settings.executors "jobs" }}
{{- fail "settings.executors must not name 'jobs': that is where every jobTemplate runs" }}
{{- end }}
{{- if hasKey (default dict .tasks.files) "kalends.py" }}
{{- fail "tasks.files must not name kalends.py: it would hide the package kalends" }}
{{- end }}
{{- range .tasks.configMaps }}
{{- if has "kalends" .modules }}
{{- fail (printf "tasks.configMaps (%s) must not name the module kalends: it would hide the package kalends" .name) }}
{{- end }}
{{- end }}
{{- range $where, $labels := dict "commonLabels" .commonLabels "podLabels" .podLabels "metrics.serviceMonitor.labels" .metrics.serviceMonitor.labels "metrics.prometheusRule.labels" .metrics.prometheusRule.labels }}
{{- range $label, $_ := $labels }}
{{- if hasKey (include "kalends.ownLabels" $ | fromYaml) $label }}
{{- fail (printf "%s must not have %s: the chart sets it" $where $label) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if .Chart.IsRoot }}
{{- range $name, $_ := .Values.global }}
{{- if ne $name "imagePullSecrets" }}
{{- fail (printf "global.%s is not read: the only accepted key of global is imagePullSecrets" $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Variables that the chart sets itself, or that would contradict the rest of the release. */ -}}
{{- define "kalends.checkEnv" -}}
{{- $instead := dict "KALENDS_CONFIG" "settings" "KALENDS_NAMESPACES" "watchNamespaces" "KALENDS_LEADER_ELECTION__NAME" "leaderElection.name" "KALENDS_LEADER_ELECTION__ENABLED" "leaderElection.enabled" }}
{{- range .Values.extraEnv }}
{{- $name := default "" .name | upper }}
{{- if hasPrefix "KALENDS_HEALTH_" $name }}
{{- fail (printf "extraEnv must not have %s: the port would differ from that of the container, the probes and the Service" .name) }}
{{- else if has $name (list "POD_NAME" "POD_NAMESPACE") }}
{{- fail (printf "extraEnv must not have %s: the chart sets it" .name) }}
{{- else if and (eq $name "PYTHONPATH") (include "kalends.mountsTasks" $) }}
{{- fail "extraEnv must not have PYTHONPATH beside tasks.files or tasks.configMaps: the chart sets it to where they are mounted" }}
{{- else if hasKey $instead $name }}
{{- fail (printf "extraEnv must not have %s: set %s" .name (get $instead $name)) }}
{{- end }}
{{- end }}
{{- end }}
