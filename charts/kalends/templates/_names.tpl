{{- /* Names and labels. A name is at most 63 characters, also with what is appended to it. */ -}}

{{- define "kalends.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimAll "-" }}
{{- end }}

{{- define "kalends.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimAll "-" }}
{{- else if contains (include "kalends.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimAll "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "kalends.name" .) | trunc 63 | trimAll "-" }}
{{- end }}
{{- end }}

{{- /* The full name with something appended: include "kalends.named" (list . "metrics") */ -}}
{{- define "kalends.named" -}}
{{- $suffix := index . 1 }}
{{- $room := int (sub 62 (len $suffix)) }}
{{- printf "%s-%s" (include "kalends.fullname" (index . 0) | trunc $room | trimAll "-") $suffix }}
{{- end }}

{{- define "kalends.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "kalends.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "kalends.selectorLabels" -}}
app.kubernetes.io/name: {{ include "kalends.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "kalends.labels" -}}
{{- include "kalends.labelsWith" (list .) }}
{{- end }}

{{- /* Labels of an object that has more than the usual ones, each key once: include "kalends.labelsWith" (list . $more).
Those that come later win; the chart's own ones win over all. */ -}}
{{- define "kalends.labelsWith" -}}
{{- $root := index . 0 }}
{{- $labels := deepCopy (default dict $root.Values.commonLabels) }}
{{- range rest . }}
{{- $labels = mergeOverwrite $labels (deepCopy (default dict .)) }}
{{- end }}
{{- mergeOverwrite $labels (include "kalends.ownLabels" $root | fromYaml) | toYaml }}
{{- end }}

{{- /* The labels that no value changes. */ -}}
{{- define "kalends.ownLabels" -}}
{{ include "kalends.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimAll "-" }}
{{- end }}

{{- /* Pull secrets of the chart and of the charts around it, as a JSON list; nothing where there are none. */ -}}
{{- define "kalends.imagePullSecrets" -}}
{{- $secrets := list }}
{{- with .Values.global }}
{{- range .imagePullSecrets }}
{{- $secrets = append $secrets (ternary (dict "name" .) . (kindIs "string" .)) }}
{{- end }}
{{- end }}
{{- with concat $secrets (default list .Values.imagePullSecrets) | uniq }}
{{- toJson . }}
{{- end }}
{{- end }}

{{- define "kalends.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- end }}
{{- end }}
{{- end }}
