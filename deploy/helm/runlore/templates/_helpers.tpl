{{- define "runlore.selector" -}}
app.kubernetes.io/name: runlore
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "runlore.labels" -}}
{{ include "runlore.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}
