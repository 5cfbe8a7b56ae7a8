
@pytest.mark.parametrize("rate", ["", "1/s", "600/min", "9999/hour", "100/day"])
def test_a_rate_has_a_period(rate: str) -> None:
    assert ApiSettings(api_rate=rate).api_rate == rate


@pytest.mark.parametrize("rate", ["600", "0/s", "600/m", "1/week", "-1/s", "99999/day", "1/s "])
def test_other_rates_are_refused(rate: str) -> None:
    with pytest.raises(ValidationError, match="must have the form 600/min"):
        ApiSettings(api_rate=rate)


@pytest.fixture(autouse=True)
def no_requests(db: None) -> Iterator[None]:
    """Forget all requests before and after a test."""
    CallerRateThrottle.cache.clear()
    yield
    CallerRateThrottle.cache.clear()


def send(path: str = "/callers", **headers: str) -> "Response":
    """Send a request of a caller."""
    return Client(headers=headers).get(path)


def check_limit(call: Callable[[], "Response"], other: Callable[[], "Response"]) -> None:
    """Check that a caller may send two requests, and that another one is not counted with it."""
    assert [call().status_code for _ in range(3)] == [200, 200, 429]
    refused = call()
    assert refused["Content-Type"] == "application/problem+json"
    assert refused.json() == {
        "type": "about:blank",
        "title": "Too Many Requests",
        "status": 429,
        "detail": "Too many requests.",
    }
    assert 0 < int(refused["Retry-After"]) <= 3600
    assert other().status_code == 200


@pytest.mark.parametrize(
    ("caller", "other"),
    [("token 1", "token 2"), ("token 1", "user 1"), ("user 1", "token 1"), ("user 1", "user 2")],
)
def test_each_token_and_each_user_has_a_limit(caller: str, other: str) -> None:
    check_limit(partial(send, **{"X-Caller": caller}), partial(send, **{"X-Caller": other}))


def test_each_other_address_has_a_limit(settings: Settings) -> None:
    one_proxy(settings)
    here, there = "192.0.2.1", "192.0.2.2"
    made_up = {"X-Forwarded-For": f"{there}, {here}"}  # a proxy appends the real one
    other = {"X-Forwarded-For": there}
    check_limit(partial(send, "/everyone", **made_up), partial(send, "/everyone", **other))
