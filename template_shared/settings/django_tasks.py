# Jobs: docs/jobs.md

# On SQLite, jobs run at once, in the request: no worker is needed in development.
ON_SQLITE = environment.database_url.startswith("sqlite:")
TASKS = {
    "default": {
        "BACKEND": "django.tasks.backends.immediate.ImmediateBackend"
        if ON_SQLITE
        else "django_tasks_db.DatabaseBackend",
    },
}
