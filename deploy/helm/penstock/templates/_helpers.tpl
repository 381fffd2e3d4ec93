{{- define "penstock.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 43 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- /* 52 characters is the most that a CronJob may have, and what is made of the name adds up to 9 */ -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 43 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "penstock.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "penstock.labels" -}}
{{ include "penstock.selector" . }}
app.kubernetes.io/version: {{ include "penstock.tag" . | replace ":" "-" | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end -}}

{{- define "penstock.tag" -}}
{{- coalesce .Values.image.tag .Values.integration.version .Chart.AppVersion -}}
{{- end -}}

{{- define "penstock.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (include "penstock.tag" .) -}}
{{- end -}}
{{- end -}}

{{- define "penstock.serviceAccountName" -}}
{{- ternary (default (include "penstock.fullname" .) .Values.serviceAccount.name) (default "default" .Values.serviceAccount.name) .Values.serviceAccount.create -}}
{{- end -}}

{{- /* A value as the text of an environment variable: whole numbers in full, lists and maps as JSON. */ -}}
{{- define "penstock.text" -}}
{{- if kindIs "string" . -}}{{- . -}}{{- else -}}{{- toJson . -}}{{- end -}}
{{- end -}}

{{- /* apiToken as API_TOKEN */ -}}
{{- define "penstock.variable" -}}
{{- regexReplaceAll "([a-z0-9])([A-Z])" . "${1}_${2}" | replace "-" "_" | upper -}}
{{- end -}}

{{- /* Minutes, or a cron expression, as a cron expression. */ -}}
{{- define "penstock.schedule" -}}
{{- $given := include "penstock.text" (ternary "60" .Values.scheduledResyncInterval (kindIs "invalid" .Values.scheduledResyncInterval)) -}}
{{- if not (regexMatch "^[0-9]+$" $given) -}}
{{- $given -}}
{{- else -}}
{{- $minutes := atoi $given -}}
{{- $hours := div $minutes 60 | int -}}
{{- if eq $minutes 1 -}}* * * * *
{{- else if and (gt $minutes 0) (lt $minutes 60) (eq (mod 60 (max 1 $minutes)) 0) -}}
{{- printf "*/%d * * * *" $minutes -}}
{{- else if eq $minutes 60 -}}0 * * * *
{{- else if eq $minutes 1440 -}}0 0 * * *
{{- else if eq $minutes 10080 -}}0 0 * * 0
{{- else if and (gt $minutes 60) (lt $minutes 1440) (eq (mod $minutes 60) 0) (eq (mod 24 (max 1 $hours)) 0) -}}
{{- printf "0 */%d * * *" $hours -}}
{{- else -}}
{{- printf "scheduledResyncInterval: cron cannot express every %d minutes; give a divisor of 60, a divisor of 24 hours, 1440, 10080, or a cron expression" $minutes | fail -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* What would be rendered, but would not do what it says. */ -}}
{{- define "penstock.check" -}}
{{- if and .Values.ingress.enabled (not .Values.service.enabled) -}}
{{- fail "ingress.enabled: an ingress leads to the service, and service.enabled is false" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) -}}
{{- fail "ingress.host: an ingress needs the name it is reached by" -}}
{{- end -}}
{{- $sources := list -}}
{{- if .Values.plugins.image.reference -}}{{- $sources = append $sources "plugins.image" -}}{{- end -}}
{{- if .Values.plugins.volume -}}{{- $sources = append $sources "plugins.volume" -}}{{- end -}}
{{- if .Values.plugins.initContainer -}}{{- $sources = append $sources "plugins.initContainer" -}}{{- end -}}
{{- if gt (len $sources) 1 -}}
{{- printf "%s: plugins come from one of them; leave the others empty" (join " and " $sources) | fail -}}
{{- end -}}
{{- if and .Values.mapping .Values.existingMapping.configMap -}}
{{- fail "mapping and existingMapping.configMap: the mapping comes from one of them; leave the other empty" -}}
{{- end -}}
{{- if not (or .Values.mapping .Values.existingMapping.configMap .Values.settings.resources) -}}
{{- fail "mapping: nothing says what to read; set mapping (--set-file mapping=port-app-config.yml), existingMapping.configMap or settings.resources" -}}
{{- end -}}
{{- if and .Values.selfSignedCertificate.enabled (not (or .Values.selfSignedCertificate.certificate .Values.selfSignedCertificate.existingSecret.name)) -}}
{{- fail "selfSignedCertificate: enabled, but neither certificate nor existingSecret.name is set" -}}
{{- end -}}
{{- end -}}

{{- define "penstock.hasMapping" -}}
{{- if or .Values.mapping .Values.existingMapping.configMap -}}true{{- end -}}
{{- end -}}

{{- define "penstock.hasPlugins" -}}
{{- if or .Values.plugins.image.reference .Values.plugins.volume .Values.plugins.initContainer -}}true{{- end -}}
{{- end -}}

{{- /* Not empty where a service runs, rather than jobs. */ -}}
{{- define "penstock.serves" -}}
{{- if eq .Values.workload.kind "Deployment" -}}true{{- end -}}
{{- end -}}

{{- define "penstock.claim" -}}
{{- default (include "penstock.fullname" .) .Values.persistence.existingClaim -}}
{{- end -}}
