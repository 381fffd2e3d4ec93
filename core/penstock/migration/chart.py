"""What the chart of Port's integrations makes of its values (deploy.md 2)."""

from __future__ import annotations

from typing import Final

VARIABLES: Final[dict[str, str]] = {
    "port.clientId": "OCEAN__PORT__CLIENT_ID",
    "port.clientSecret": "OCEAN__PORT__CLIENT_SECRET",
    "port.baseUrl": "OCEAN__PORT__BASE_URL",
    "integration.identifier": "OCEAN__INTEGRATION__IDENTIFIER",
    "integration.type": "OCEAN__INTEGRATION__TYPE",
    "integration.eventListener": "OCEAN__EVENT_LISTENER",
    "integration.processExecution.mode": "OCEAN__PROCESS_EXECUTION_MODE",
    "scheduledResyncInterval": "OCEAN__SCHEDULED_RESYNC_INTERVAL",
    "initializePortResources": "OCEAN__INITIALIZE_PORT_RESOURCES",
    "sendRawDataExamples": "OCEAN__SEND_RAW_DATA_EXAMPLES",
    "allowEnvironmentVariablesJqAccess": "OCEAN__ALLOW_ENVIRONMENT_VARIABLES_JQ_ACCESS",
    "clientTimeout": "OCEAN__CLIENT_TIMEOUT",
    "createPortResourcesOrigin": "OCEAN__CREATE_PORT_RESOURCES_ORIGIN",
    "processingMode": "OCEAN__PROCESSING_MODE",
    "lakehouseEnabled": "OCEAN__LAKEHOUSE_ENABLED",
    "streamingEnabled": "OCEAN__STREAMING__ENABLED",
    "actionsProcessor.enabled": "OCEAN__ACTIONS_PROCESSOR__ENABLED",
    "liveEvents.baseUrl": "OCEAN__BASE_URL",
}
"""The variable that a value becomes. What those do is told where variables are."""

SETTINGS: Final = ("integration.config", "integration.secrets")
"""Whose members each become a variable of ``OCEAN__INTEGRATION__CONFIG__``."""
EXTRA: Final = "integration.extraConfig"
"""Whose members each become a variable as they are."""
EXTRA_ENV: Final = "extraEnv"
"""A list of variables as a container has them."""

_IMAGE: Final = "name the image of penstock, as image.repository and image.tag of its chart"
_SAME: Final = "is for the pod: the chart in deploy/helm/penstock has a value of this name"
POD: Final[dict[str, str]] = {
    **dict.fromkeys(
        (
            "workload",
            "service",
            "ingress",
            "livenessProbe",
            "readinessProbe",
            "resources",
            "extraVolumes",
            "extraVolumeMounts",
            "podSecurityContext",
            "containerSecurityContext",
            "nodeSelector",
            "tolerations",
            "affinity",
            "imagePullSecrets",
            "dnsPolicy",
            "terminationGracePeriodSeconds",
            "selfSignedCertificate",
            "nameOverride",
            "fullnameOverride",
            "podAnnotations",
            "podLabels",
        ),
        _SAME,
    ),
    **dict.fromkeys(("integration.version", "image", "imageRegistry"), _IMAGE),
}
"""Values that do not concern what is synced, and where they belong."""
OF_JOBS: Final[dict[str, str]] = {
    "scheduledResyncInterval": "is the schedule of the CronJob: our chart has a value of this name",
    "integration.eventListener": "a CronJob syncs once",
}
"""The same, where the chart makes a CronJob."""
