"""Traces of a run for an OpenTelemetry collector; entered only where the environment names one."""
