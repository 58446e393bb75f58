{{- define "kalends.container" -}}
name: kalends
image: {{ include "kalends.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [operator, --log-level, {{ .Values.log.level }}, --log-format, {{ .Values.log.format }}]
env:
  - name: KALENDS_CONFIG
    value: /etc/kalends/settings/settings.yaml
  # The identity of this replica, as a holder of runs.
  - name: POD_NAME
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
  # The namespace of the Lease.
  - name: POD_NAMESPACE
    valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
  {{- if include "kalends.mountsTasks" . }}
  - name: PYTHONPATH
    value: {{ include "kalends.tasksFolder" . }}
  {{- end }}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - {name: http, containerPort: {{ include "kalends.port" . }}}
{{- with .Values.livenessProbe }}
livenessProbe:
  httpGet: {path: /livez, port: http}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.readinessProbe }}
readinessProbe:
  httpGet: {path: /readyz, port: http}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
# After an error, `kubectl describe pod` shows the last lines of the log.
terminationMessagePolicy: FallbackToLogsOnError
volumeMounts:
  - {name: settings, mountPath: /etc/kalends/settings, readOnly: true}
  - {name: tmp, mountPath: /tmp}
  {{- if include "kalends.mountsTasks" . }}
  - {name: tasks, mountPath: {{ include "kalends.tasksFolder" . }}, readOnly: true}
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
