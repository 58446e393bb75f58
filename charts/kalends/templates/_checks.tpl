{{- /* What values.schema.json cannot say, or not in words. */ -}}
{{- define "kalends.checks" -}}
{{- with .Values }}
{{- if gt (int .replicaCount) 1 }}
{{- fail "replicaCount must be 0 or 1: there is no leader election yet, and two operators would get in each other's way" }}
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
