{{- define "kalends.pod" -}}
serviceAccountName: {{ include "kalends.serviceAccountName" . }}
automountServiceAccountToken: true
# Without this a Service named `kalends-health` would set KALENDS_HEALTH_PORT, which is one of our settings.
enableServiceLinks: false
# Runs in the pod have `settings.drainSeconds` to end; then the Lease is released and the last Events are posted.
terminationGracePeriodSeconds: {{ add (int .Values.settings.drainSeconds) 15 }}
{{- with include "kalends.imagePullSecrets" . }}
imagePullSecrets: {{ . }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .Values.affinity }}
affinity:
  {{- toYaml .Values.affinity | nindent 2 }}
{{- else if gt (int .Values.replicaCount) 1 }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "kalends.selectorLabels" . | nindent 14 }}
{{- end }}
{{- with .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - {{ include "kalends.container" . | nindent 4 | trim }}
volumes:
  - name: settings
    configMap: {name: {{ include "kalends.named" (list . "settings") }}}
  - name: tmp
    emptyDir: {{ with .Values.tmpSizeLimit }}{sizeLimit: {{ . }}}{{ else }}{}{{ end }}
  {{- if include "kalends.mountsTasks" . }}
  - name: tasks
    projected:
      sources:
        {{- if .Values.tasks.files }}
        - configMap: {name: {{ include "kalends.named" (list . "tasks") }}}
        {{- end }}
        {{- range .Values.tasks.configMaps }}
        - configMap:
            name: {{ .name }}
            items:
              {{- range .modules }}
              - {key: {{ . }}.py, path: {{ . }}.py}
              {{- end }}
        {{- end }}
  {{- end }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
