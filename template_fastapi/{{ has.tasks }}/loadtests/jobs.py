"""Jobs: from the request that starts one until it is done. With REDIS_URL, workers must run."""

from time import monotonic, sleep
from typing import Any

from locust import task

from loadtests._service import ServiceUser

JOBS = "/api/v1/jobs"
JOB = JOBS + "/{id}"  # counts all as one
PATIENCE = 30  # seconds


class JobUser(ServiceUser):
    @task
    def report(self) -> None:
        with self.environment.events.request.measure("JOB", "report"):
            started = self.client.post(f"{JOBS}/report", headers=self.authorization)
            headers: Any = started.headers or {}
            address, deadline = headers["Location"], monotonic() + PATIENCE
            while True:
                sleep(0.2)
                job = self.client.get(address, headers=self.authorization, name=JOB)
                if (status := job.json()["status"]) in {"done", "failed"}:
                    break
                if monotonic() > deadline:
                    raise TimeoutError(f"the job is {status} after {PATIENCE} seconds")
            if status == "failed":
                raise RuntimeError("the job has failed")
