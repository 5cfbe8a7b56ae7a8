"""The operating contract, tested from outside against both frameworks.

A rendered project is started as in production: its own commands, its own variables, PostgreSQL, several workers, the
nginx configuration that it ships. The tests speak HTTP to it, send signals, look at its log and at the database. They
do not know which framework answers, or on which server. To add a subject, add an entry to `SUBJECTS` of subject.py;
to add a framework, add a folder to `probe/`, too: a router that an owner might write, which answers under /api/probe.

    uv run pytest tests/conformance

| row of the contract | tests |
|---|---|
| GET /health/live, GET /health/ready | test_health.py |
| /metrics | test_metrics.py; not through the proxy: test_headers.py |
| /api/openapi.json, /api/docs | test_headers.py |
| logs, exceptions | test_logs.py |
| X-Request-ID | test_requests.py; from service to service: test_traces.py |
| traces | test_traces.py |
| errors | test_errors.py |
| configuration | test_configuration.py |
| waiting | test_waiting.py; slow clients: test_limits.py |
| database URL | test_database_url.py, test_pooler.py |
| migrations | test_migrations.py; in depth: ../test_migrations.py |
| sizing | test_sizing.py |
| shutdown | test_stopping.py |
| security headers | test_headers.py |
| verbs | every test: nothing is started in another way |

What an owner changes as the framework's documentation describes has its tests in ../test_owner_actions.py.

The tests tell workers from their parent by /proc, so they need Linux.
"""
