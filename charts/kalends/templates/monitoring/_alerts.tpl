{{- /* `job` is the Service's name, as Prometheus has it from a ServiceMonitor. */ -}}
{{- define "kalends.alerts" -}}
{{- $of := printf "namespace=%q,job=%q" .Release.Namespace (include "kalends.named" (list . "metrics")) }}
- alert: KalendsDown
  expr: absent(kalends_build_info{ {{- $of -}} })
  for: 5m
  labels: {severity: critical}
  annotations:
    summary: No operator can be scraped; nothing is scheduled.
- alert: KalendsNobodyLeads
  expr: max(kalends_leader{ {{- $of -}} }) < 1
  for: 2m
  labels: {severity: critical}
  annotations:
    summary: No replica is the leader; nothing is scheduled. The log shows whether the Lease cannot be written.
- alert: KalendsOtherOperator
  expr: max(kalends_foreign_holders{ {{- $of -}} }) > 0
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: Another release watches the same ScheduledJobs; their condition OtherOperator names both.
- alert: KalendsCrdOutdated
  expr: max(kalends_crd_outdated{ {{- $of -}} }) > 0
  for: 1m
  labels: {severity: critical}
  annotations:
    summary: The CRD is older than the operator; nothing is scheduled. `/readyz` lists the missing fields.
- alert: KalendsStartsPutOff
  expr: sum by (executor) (increase(kalends_starts_put_off_total{ {{- $of -}} }[15m])) > 20
  for: 5m
  labels: {severity: warning}
  annotations:
    summary: Starts of executor {{ "{{ $labels.executor }}" }} are refused repeatedly; Events with reason `Delayed` show the cause.
- alert: KalendsStartsRefused
  expr: max(kalends_scheduled_jobs{state="StartRefused",{{ $of }}}) > 0
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: ScheduledJobs cannot start their runs; `kubectl get scheduledjobs -A -o wide` shows the affected schedules and the reason.
- alert: KalendsDispatchLate
  expr: histogram_quantile(0.99, sum by (le) (rate(kalends_dispatch_delay_seconds_bucket{ {{- $of -}} }[5m]))) > 5
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: More than 1 % of the runs start more than five seconds after their fire time.
- alert: KalendsFireTimesMissed
  expr: increase(kalends_fire_times_total{decision="Missed",{{ $of }}}[15m]) > 0
  labels: {severity: warning}
  annotations:
    summary: Fire times were missed; `kubectl get scheduledjobs -A` shows the schedules, in the column Missed.
- alert: KalendsRunsLost
  expr: increase(kalends_runs_total{outcome="Lost",{{ $of }}}[15m]) > 0
  labels: {severity: warning}
  annotations:
    summary: The operator stopped during runs in its pod; their outcome is unknown.
- alert: KalendsRunsFailing
  expr: >-
    sum by (executor) (rate(kalends_runs_total{outcome=~"Failed|TimedOut|Lost",{{ $of }}}[15m]))
    / sum by (executor) (rate(kalends_runs_total{outcome!="Cancelled",{{ $of }}}[15m])) > 0.5
  for: 15m
  labels: {severity: warning}
  annotations:
    summary: More than half of the runs of executor {{ "{{ $labels.executor }}" }} fail, time out or are lost.
- alert: KalendsWorkersStuck
  expr: min_over_time(kalends_workers_stuck{ {{- $of -}} }[10m]) > 0
  labels: {severity: warning}
  annotations:
    summary: >-
      Threads of executor {{ "{{ $labels.executor }}" }} hang beyond their time limit; where all are held, the operator starts
      again. Give such tasks a pool of processes.
- alert: KalendsLoopLate
  expr: min_over_time(kalends_loop_lag_seconds{ {{- $of -}} }[5m]) > 0.5
  labels: {severity: warning}
  annotations:
    summary: The operator's event loop is blocked, by a lack of CPU or by a task that does not release the interpreter lock.
- alert: KalendsClockStepped
  expr: abs(kalends_clock_skew_seconds{ {{- $of -}} }) > 5
  labels: {severity: warning}
  annotations:
    summary: The wall clock of the operator's node was stepped, or runs at a wrong rate.
- alert: KalendsInternalErrors
  expr: increase(kalends_internal_errors_total{ {{- $of -}} }[15m]) > 0
  labels: {severity: warning}
  annotations:
    summary: Kalends itself failed on a ScheduledJob, or in its loop; the log has the traceback.
- alert: KalendsApiErrors
  expr: >-
    sum(rate(kalends_api_request_duration_seconds_count{code=~"0|5..",{{ $of }}}[5m]))
    / sum(rate(kalends_api_request_duration_seconds_count{ {{- $of -}} }[5m])) > 0.05
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: More than 5 % of the requests to the API server fail.
{{- end }}
