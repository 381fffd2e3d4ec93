{{- /* A pod that keeps syncing, or syncs once: the template of a Deployment or a Job. */ -}}
{{- define "penstock.pod" -}}
metadata:
  labels:
    {{- merge (include "penstock.selector" . | fromYaml) .Values.podLabels | toYaml | nindent 4 }}
  annotations:
    # a change of what is read makes new pods
    penstock/contents: {{ list (include "penstock.variables" .) (include "penstock.files" .) | toJson | sha256sum | trunc 16 | quote }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- if not (include "penstock.serves" .) }}
  restartPolicy: Never
  {{- end }}
  serviceAccountName: {{ include "penstock.serviceAccountName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  {{- if .Values.plugins.initContainer }}
  initContainers:
    - {{- merge (deepCopy .Values.plugins.initContainer) (dict "name" "plugins" "volumeMounts" (list (dict "name" "plugins" "mountPath" "/plugins") (dict "name" "tmp" "mountPath" "/tmp")) "securityContext" .Values.containerSecurityContext "resources" .Values.resources "env" (list (dict "name" "HOME" "value" "/tmp"))) | toYaml | nindent 6 }}
  {{- end }}
  containers:
    - name: penstock
      image: {{ include "penstock.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        {{- if include "penstock.serves" . }}
        - serve
        {{- else }}
        - sync
        - --wait
        {{- end }}
        - --config=/config/penstock.yml
        {{- if include "penstock.hasMapping" . }}
        - --mapping=/config/port-app-config.yml
        {{- end }}
      envFrom:
        - configMapRef:
            name: {{ include "penstock.fullname" . }}
        - secretRef:
            name: {{ include "penstock.fullname" . }}
        {{- with .Values.existingSecret }}
        - secretRef:
            name: {{ . }}
        {{- end }}
      {{- with .Values.extraEnv }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if include "penstock.serves" . }}
      ports:
        - name: http
          containerPort: 8000
      {{- if .Values.livenessProbe.enabled }}
      livenessProbe:
        httpGet: {path: /health/live, port: http}
        {{- omit .Values.livenessProbe "enabled" | toYaml | nindent 8 }}
      {{- end }}
      {{- if .Values.readinessProbe.enabled }}
      readinessProbe:
        httpGet: {path: /health/ready, port: http}
        {{- omit .Values.readinessProbe "enabled" | toYaml | nindent 8 }}
      {{- end }}
      {{- end }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- toYaml .Values.containerSecurityContext | nindent 8 }}
      volumeMounts:
        - name: data
          mountPath: /data
        - name: tmp
          mountPath: /tmp
        - name: config
          mountPath: /config
          readOnly: true
        {{- if include "penstock.hasPlugins" . }}
        - name: plugins
          mountPath: /plugins
          readOnly: true
        {{- end }}
        {{- if .Values.selfSignedCertificate.enabled }}
        - name: certificates
          mountPath: /certificates
          readOnly: true
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: data
      {{- if .Values.persistence.enabled }}
      persistentVolumeClaim:
        claimName: {{ include "penstock.claim" . }}
      {{- else }}
      emptyDir: {}
      {{- end }}
    - name: tmp
      emptyDir: {}
    - name: config
      projected:
        sources:
          - configMap:
              name: {{ include "penstock.fullname" . }}-files
          {{- with .Values.existingMapping }}
          {{- if .configMap }}
          - configMap:
              name: {{ .configMap }}
              items:
                - key: {{ .key }}
                  path: port-app-config.yml
          {{- end }}
          {{- end }}
    {{- if include "penstock.hasPlugins" . }}
    - name: plugins
      {{- if .Values.plugins.image.reference }}
      image:
        {{- toYaml .Values.plugins.image | nindent 8 }}
      {{- else if .Values.plugins.volume }}
      {{- toYaml .Values.plugins.volume | nindent 6 }}
      {{- else }}
      emptyDir: {}
      {{- end }}
    {{- end }}
    {{- if .Values.selfSignedCertificate.enabled }}
    - name: certificates
      secret:
        {{- if .Values.selfSignedCertificate.existingSecret.name }}
        secretName: {{ .Values.selfSignedCertificate.existingSecret.name }}
        items:
          - key: {{ .Values.selfSignedCertificate.existingSecret.key }}
            path: ca.crt
        {{- else }}
        secretName: {{ include "penstock.fullname" . }}-ca
        {{- end }}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.dnsPolicy }}
  dnsPolicy: {{ . }}
  {{- end }}
{{- end -}}

{{- define "penstock.job" -}}
backoffLimit: 0
{{- with .Values.workload.cron.resyncTimeoutMinutes }}
activeDeadlineSeconds: {{ mul . 60 }}
{{- end }}
template:
  {{- include "penstock.pod" . | nindent 2 }}
{{- end -}}
