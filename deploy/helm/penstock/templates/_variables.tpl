{{- /* The environment that is no secret: the data of a ConfigMap. */ -}}
{{- define "penstock.variables" -}}
{{- $found := dict -}}
{{- if include "penstock.serves" . -}}
{{- $_ := set $found "OCEAN__EVENT_LISTENER" (toJson .Values.integration.eventListener) -}}
{{- if not (kindIs "invalid" .Values.scheduledResyncInterval) -}}
{{- $_ := set $found "OCEAN__SCHEDULED_RESYNC_INTERVAL" (include "penstock.text" .Values.scheduledResyncInterval) -}}
{{- end -}}
{{- $_ := set $found "PENSTOCK__SERVICE__PORT" "8000" -}}
{{- else -}}
{{- $_ := set $found "OCEAN__EVENT_LISTENER" (toJson (merge (dict "type" "ONCE") .Values.integration.eventListener)) -}}
{{- end -}}
{{- $_ := set $found "OCEAN__PORT__BASE_URL" .Values.port.baseUrl -}}
{{- $_ := set $found "OCEAN__INTEGRATION__IDENTIFIER" (default .Release.Name .Values.integration.identifier) -}}
{{- $_ := set $found "OCEAN__INTEGRATION__TYPE" .Values.integration.type -}}
{{- range $name := list "initializePortResources" "createPortResourcesOrigin" "sendRawDataExamples" "allowEnvironmentVariablesJqAccess" "clientTimeout" -}}
{{- $value := index $.Values $name -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $_ := set $found (printf "OCEAN__%s" (include "penstock.variable" $name)) (include "penstock.text" $value) -}}
{{- end -}}
{{- end -}}
{{- range $name, $value := .Values.integration.config -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $_ := set $found (printf "OCEAN__INTEGRATION__CONFIG__%s" (include "penstock.variable" $name)) (include "penstock.text" $value) -}}
{{- end -}}
{{- end -}}
{{- range $name, $value := .Values.integration.extraConfig -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $_ := set $found (include "penstock.variable" $name) (include "penstock.text" $value) -}}
{{- end -}}
{{- end -}}
{{- if .Values.selfSignedCertificate.enabled -}}
{{- $_ := set $found "PENSTOCK__CONNECTION__CA_BUNDLE" "/certificates/ca.crt" -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}

{{- /* The environment that is secret: the data of a Secret. */ -}}
{{- define "penstock.secrets" -}}
{{- $found := dict -}}
{{- range $name := list "clientId" "clientSecret" -}}
{{- $value := index $.Values.port $name -}}
{{- if $value -}}
{{- $_ := set $found (printf "OCEAN__PORT__%s" (include "penstock.variable" $name)) (include "penstock.text" $value) -}}
{{- end -}}
{{- end -}}
{{- range $name, $value := .Values.integration.secrets -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $_ := set $found (printf "OCEAN__INTEGRATION__CONFIG__%s" (include "penstock.variable" $name)) (include "penstock.text" $value) -}}
{{- end -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}

{{- /* The files of /config: the data of a ConfigMap. */ -}}
{{- define "penstock.files" -}}
{{- $settings := merge (deepCopy .Values.settings) (dict "stateDir" "/data/.penstock") -}}
{{- $found := dict "penstock.yml" (toYaml $settings) -}}
{{- if .Values.mapping -}}
{{- $_ := set $found "port-app-config.yml" (ternary .Values.mapping (toYaml .Values.mapping) (kindIs "string" .Values.mapping)) -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}
