# Jobs: docs/jobs.md, https://docs.celeryq.dev/en/stable/userguide/configuration.html

CELERY_BROKER_URL = environment.redis_url
# Without Redis, jobs run at once, in the request: no worker is needed in development.
CELERY_TASK_ALWAYS_EAGER = not environment.redis_url
CELERY_TASK_IGNORE_RESULT = True  # results are in the table of jobs
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
# A message is deleted when its task is done. If a worker dies, another one gets the message: at
# once if a child process died, otherwise after the visibility timeout.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,  # seconds; longer than any delay or task
    "socket_connect_timeout": 2,
    "health_check_interval": 25,
}
CELERY_TASK_SOFT_TIME_LIMIT = 60  # seconds; raises an exception in the task
CELERY_TASK_TIME_LIMIT = 90  # kills its process
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = 2  # processes
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_TIMEOUT = 2  # seconds
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # no limit
CELERY_TIMEZONE = TIME_ZONE
