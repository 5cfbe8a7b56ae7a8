"""Callers see only their own jobs. An import needs the scope `items:write`."""

from httpx2 import AsyncClient

JOBS = "/api/v1/jobs"
FILE = {"file": ("deliveries.csv", b"name,quantity\nLamp,2\n")}


async def test_a_stranger_sees_no_jobs(client: AsyncClient, reader: str) -> None:
    started = await client.post(f"{JOBS}/import", files=FILE)
    assert started.status_code == 202, started.text
    client.headers["Authorization"] = reader
    assert (await client.get(JOBS)).json()["total"] == 0
    for path in ("", "/result.csv"):
        assert (await client.get(started.headers["location"] + path)).status_code == 404
    del client.headers["Authorization"]
    for method, path in (("GET", ""), ("POST", "/import"), ("POST", "/report")):
        refused = await client.request(method, JOBS + path, files=FILE if path else None)
        assert refused.status_code == 401


async def test_an_import_needs_a_scope_and_a_report_does_not(
    client: AsyncClient, reader: str
) -> None:
    client.headers["Authorization"] = reader
    assert (await client.post(f"{JOBS}/import", files=FILE)).status_code == 403
    assert (await client.post(f"{JOBS}/report")).status_code == 202
