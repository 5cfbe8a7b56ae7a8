"""Predictions. A 503, which asks the client to come back later, counts as a failure."""

from locust import task

from loadtests._service import ServiceUser

FLOWER = {"sepal_length": 6.1, "sepal_width": 2.8, "petal_length": 4.7, "petal_width": 1.2}


class PredictionUser(ServiceUser):
    weight = 5

    @task
    def predict(self) -> None:
        self.client.post("/api/v1/iris/predictions", json=FLOWER, headers=self.authorization)
