"""What the owner added, through Django's test client."""

import pytest
from django.core import mail


@pytest.mark.django_db
def test_a_session_opens_a_private_endpoint(client, django_user_model):
    assert client.get("/api/own/private").status_code == 401
    client.force_login(django_user_model.objects.create_user("ada"))
    assert client.get("/api/own/private").json() == "ada"


def test_mail_is_sent():
    mail.send_mail("Subject", "Body", "from@example.com", ["to@example.com"])
    assert len(mail.outbox) == 1
