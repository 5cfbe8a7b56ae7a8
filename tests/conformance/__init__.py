"""The operating contract, held against services from outside.

A rendered project is started as in production: its own commands, its own variables, PostgreSQL, several workers, the
nginx configuration that it ships. The tests speak HTTP to it, send signals, look at its log and at the database. None
knows which framework answers, or on which server. A further subject is one entry in `SUBJECTS` of subject.py; for a
further framework it takes one folder in `probe/`, too: files that an owner might write, laid over the project's
package, which answer under /api/probe.

    uv run pytest tests/conformance

| row of the contract | tests |
|---|---|
| GET /health/live, GET /health/ready | test_health.py; while it stops: test_shutdown.py |
| /metrics | test_metrics.py; not through the proxy: test_headers.py |
| /api/openapi.json, /api/docs | test_headers.py |
| logs | test_logs.py |
| X-Request-ID | test_requests.py; from service to service: test_traces.py |
| traces | test_traces.py |
| errors | test_errors.py |
| configuration | test_configuration.py |
| migrations | test_migrations.py |
| sizing | test_sizing.py |
| shutdown | test_shutdown.py |
| security headers | test_headers.py |
| verbs | every test: nothing is started in another way |

/proc tells the workers from their parent, so that the suite needs Linux.
"""
