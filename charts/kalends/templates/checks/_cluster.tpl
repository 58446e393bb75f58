{{- /* Checks against the cluster. `lookup` finds nothing in `helm template` and in a dry run by the client, and fails without
the permission to read: so it asks only for objects that a user who installs such a release can read. */ -}}
{{- define "kalends.checkCluster" -}}
{{- if .Values.checkCluster }}
{{- include "kalends.checkOtherReleases" . }}
{{- include "kalends.checkNamespaces" . }}
{{- include "kalends.checkCrd" . }}
{{- end }}
{{- end }}

{{- /* "yes" where the release has cluster-scoped objects, so that the user who installs it may read such objects. */ -}}
{{- define "kalends.isClusterWide" -}}
{{- if or .Values.crds.enabled .Values.rbac.aggregateRoles (and .Values.rbac.create (not .Values.watchNamespaces)) }}yes{{- end }}
{{- end }}

{{- define "kalends.checkOtherReleases" -}}
{{- if include "kalends.isClusterWide" . }}
{{- range (lookup "rbac.authorization.k8s.io/v1" "ClusterRoleBinding" "" "").items }}
{{- if and (eq (dig "labels" "kalends.dev/watches" "" .metadata) "all-namespaces") (include "kalends.isForeign" (list $ .metadata)) }}
{{- fail (printf "another release (%s) watches all namespaces; set watchNamespaces in both, without a namespace in common" (include "kalends.releaseOf" .metadata)) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.rbac.create (not .Values.watchNamespaces) }}
{{- range (lookup "rbac.authorization.k8s.io/v1" "RoleBinding" "" "").items }}
{{- if and (eq (dig "labels" "kalends.dev/watches" "" .metadata) "this-namespace") (include "kalends.isForeign" (list $ .metadata)) }}
{{- fail (printf "another release (%s) watches the namespace %s; set watchNamespaces" (include "kalends.releaseOf" .metadata) .metadata.namespace) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $namespace := ternary .Values.watchNamespaces list .Values.rbac.create }}
{{- range (lookup "rbac.authorization.k8s.io/v1" "RoleBinding" $namespace "").items }}
{{- if and (eq (dig "labels" "kalends.dev/watches" "" .metadata) "this-namespace") (include "kalends.isForeign" (list $ .metadata)) }}
{{- fail (printf "another release (%s) watches the namespace %s; remove it from watchNamespaces of either release" (include "kalends.releaseOf" .metadata) $namespace) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* "yes" where an object is of another release, or of an installation without Helm under another name. */ -}}
{{- define "kalends.isForeign" -}}
{{- $root := index . 0 }}
{{- $metadata := index . 1 }}
{{- $name := dig "annotations" "meta.helm.sh/release-name" "" $metadata }}
{{- $namespace := dig "annotations" "meta.helm.sh/release-namespace" "" $metadata }}
{{- if $name }}
{{- if not (and (eq $name $root.Release.Name) (eq $namespace $root.Release.Namespace)) }}yes{{- end }}
{{- else if ne $metadata.name (include "kalends.fullname" $root) }}yes{{- end }}
{{- end }}

{{- define "kalends.releaseOf" -}}
{{- with dig "annotations" "meta.helm.sh/release-name" "" . }}
{{- printf "%s/%s" (dig "annotations" "meta.helm.sh/release-namespace" "" $) . }}
{{- else }}
{{- printf "without Helm: %s" .name }}
{{- end }}
{{- end }}

{{- /* A Role in a namespace that is missing would make the installation fail half-way. */ -}}
{{- define "kalends.checkNamespaces" -}}
{{- $known := ternary "default" .Release.Namespace (eq (include "kalends.isClusterWide" .) "yes") }}
{{- if and .Values.watchNamespaces (lookup "v1" "Namespace" "" $known) }}
{{- range .Values.watchNamespaces }}
{{- if not (or (eq . $.Release.Namespace) (lookup "v1" "Namespace" "" .)) }}
{{- fail (printf "watchNamespaces: there is no namespace %s; create it first" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* A CRD that leaves the release is deleted with every ScheduledJob, unless its annotation in the cluster keeps it. */ -}}
{{- define "kalends.checkCrd" -}}
{{- if and (not .Values.crds.enabled) .Release.IsUpgrade (include "kalends.isClusterWide" .) }}
{{- with lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "scheduledjobs.kalends.dev" }}
{{- $keep := eq (dig "annotations" "helm.sh/resource-policy" "" .metadata) "keep" }}
{{- if and (not $keep) (dig "annotations" "meta.helm.sh/release-name" "" .metadata) (not (include "kalends.isForeign" (list $ .metadata))) }}
{{- fail "crds.enabled=false would delete the CRD and EVERY ScheduledJob, as the CRD in the cluster is not annotated to be kept: first run `kubectl annotate crd scheduledjobs.kalends.dev helm.sh/resource-policy=keep`, or upgrade with crds.keep=true" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
