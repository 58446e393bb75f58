{{- /* What values.schema.json cannot say, or not in words. */ -}}
{{- define "kalends.checks" -}}
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
{{- fail (printf "each task module must come from one place, but %s comes from %s and from tasks.configMaps (%s)" . (get $sources .) $one.name) }}
{{- end }}
{{- $_ := set $sources . "tasks.configMaps" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
