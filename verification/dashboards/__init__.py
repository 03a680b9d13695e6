"""The dashboards of deploy/grafana: written from the table of metrics, asked of a real Prometheus, drawn."""
