"""What the proxy does, by a real nginx with the configuration that projects ship."""

import contextlib
import gzip
import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import wave
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import sync_playwright

from tests import nginx
from tests.conformance.subject import started
from tests.deployment.upstream import Upstream, serving
from tests.nginx import Nginx
from tests.owner import replace
from tests.postgres import Server
from tests.projects import Answer, Project, ask, set_up
from tests.test_pages import CHROMIUM, launch
from tests.tools import FRAMEWORKS, render, run

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not nginx.PROGRAM, reason="nginx is not installed")]

GIXY = Path(sys.executable).with_name("gixy")
# What gixy asks for and this configuration has in another way, or not at all.
SKIPPED = {
    "add_header_redefinition": "files have no identifier: they stand in no log",
    "hsts_header": "the service says so, as a test shows",
    "status_page_exposed": "a condition guards the whole server, pages without stub_status too",
    "try_files_is_evil_too": "a look at the disk more, for files that are always new",
}
BALANCER, STRANGER = "127.0.0.2", "127.0.0.1"  # addresses that clients of these tests come from
TRUSTED = f"set_real_ip_from {BALANCER}; set_real_ip_from 10.0.0.0/8;"


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.xdist_group(f"nginx-{name}")) for name in FRAMEWORKS],
)
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def project(framework: str, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(template, tmp_path_factory.mktemp(framework) / "service", framework=framework)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def proxy(project: Path, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """Plain HTTP, with files, without limits of the rates."""
    directory = tmp_path_factory.mktemp("nginx")
    write_files(directory / "srv")
    with nginx.running(project, directory, [upstream.address], trusted=TRUSTED) as running:
        yield running


@pytest.fixture
def limited(project: Path, upstream: Upstream, tmp_path: Path) -> Iterator[Nginx]:
    """With limits, none of which anybody has used."""
    with nginx.running(project, tmp_path / "nginx", [upstream.address], trusted=TRUSTED, limited=True) as running:
        yield running


HASHED = "/static/app/page.0123456789ab.css"


def write_files(srv: Path) -> None:
    """What is mounted: the static files of one version, and what users uploaded."""
    (srv / "static/app").mkdir(parents=True)
    for name in (HASHED, "/static/app/page.css"):
        (srv / name[1:]).write_text("body { color: green }\n" * 100)
        with gzip.open(f"{srv / name[1:]}.gz", "wt") as file:
            file.write("/* compressed before */")
    media = srv / "media/2030"
    media.mkdir(parents=True)
    for name in ("photo.JPG", "paper.pdf", "film.mp4", "page.html", "drawing.svg", "script.js", "feed.xml", "nothing"):
        (media / name).write_text("<script>alert(1)</script>")
    (media / "photo.jpg.html").touch()
    with wave.open(str(media / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    (media / ".hidden.png").touch()
    (srv / "media/.git").mkdir()
    (srv / "media/.git/photo.png").touch()
    (srv / "outside.png").touch()
    (media / "link.png").symlink_to(srv / "outside.png")
    (srv / "media/linked").symlink_to(srv / "static")


def get(
    url: str, path: str, *, source: str = STRANGER, method: str = "GET", body: bytes | str = b"", **headers: str
) -> Answer:
    """Asks from one of this machine's addresses; the path goes as it stands."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30, source_address=(source, 0))
    with contextlib.closing(connection):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body or None, names)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


def raw(url: str, request: bytes) -> bytes:
    """Send any bytes, and return everything that comes back until the connection ends."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), 10) as connection:
        connection.sendall(request)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := connection.recv(65536):
                answer += chunk
        return answer


def curl(*arguments: str | Path, code: int = 0) -> str:
    return run("curl", "--silent", "--show-error", "--max-time", "20", *arguments, code=code)


def check_problem(answer: Answer, status: int) -> None:
    """One of nginx's own, as the service would have said it."""
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-ID"]
    assert answer.json["status"] == status
    assert set(answer.json) == {"type", "title", "status", "detail"}
    assert answer.json["title"] != "Error"
    assert answer.headers["Server"] == "nginx"


# --- The configuration ---


@pytest.mark.parametrize("listen", ["http", "https"])
def test_nginx_accepts_it_without_a_warning(project: Path, tmp_path: Path, listen: str) -> None:
    make_certificate(tmp_path / "certificates")
    main = nginx.configure(project, tmp_path, ["127.0.0.1:8001", "127.0.0.1:8002"], listen=listen, trusted=TRUSTED)
    result = nginx.check(main)
    assert result.returncode == 0, result.stderr
    assert not [line for line in result.stderr.splitlines() if "[warn]" in line and "listen ... http2" not in line]


@pytest.mark.parametrize(
    ("listen", "file", "old", "new", "message"),
    [
        ("http", "service.conf", "keepalive 32;", "keep 32;", "unknown directive"),
        ("http", "server.conf", TRUSTED, "${TRUSTED_PROXIES}", ""),
        ("http", "service.conf", "/http.conf;", "/${LISTEN}.conf;", ""),
        ("htpp", "server.conf", "gzip on;", "gzip on;", "htpp.conf"),
        ("https", "server.conf", "gzip on;", "gzip on;", "cannot load certificate"),
    ],
    ids=["no directive", "TRUSTED_PROXIES unset", "LISTEN unset", "LISTEN unknown", "no certificate"],
)
def test_nginx_does_not_start_with(
    project: Path, tmp_path: Path, listen: str, file: str, old: str, new: str, message: str
) -> None:
    main = nginx.configure(project, tmp_path, ["127.0.0.1:8001"], listen=listen, trusted=TRUSTED)
    replace(tmp_path / file, old, new)
    result = nginx.check(main)
    assert result.returncode != 0
    assert message in result.stderr


def gixy(main: Path) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [GIXY, "--skips", ",".join(SKIPPED), main]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("listen", ["http", "https"])
def test_gixy_finds_nothing(project: Path, tmp_path: Path, listen: str) -> None:
    result = gixy(nginx.configure(project, tmp_path, ["127.0.0.1:8001"], listen=listen, trusted=TRUSTED))
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("nginx.conf", "server_tokens off;", "server_tokens on;", "version_disclosure"),
        (
            "server.conf",
            "location /metrics/ { return 404; }",
            "location /metrics { alias /files/; }",
            "alias_traversal",
        ),
        ("https.conf", "$host$request_uri", "$host$uri", "http_splitting"),
        ("server.conf", "Host $host$client_port", "Host $http_host", "host_spoofing"),
        ("https.conf", "TLSv1.2 TLSv1.3", "TLSv1 TLSv1.2", "weak_ssl_tls"),
    ],
)
def test_gixy_finds(project: Path, tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    main = nginx.configure(project, tmp_path, ["127.0.0.1:8001"], listen="https", trusted=TRUSTED)
    replace(tmp_path / file, old, new)
    result = gixy(main)
    assert result.returncode != 0
    assert message in result.stdout


def test_every_file_belongs_to_it(project: Path) -> None:
    """None is left behind by one that no longer includes it."""
    templates = {path.name: path.read_text() for path in (project / "deploy/nginx/templates").iterdir()}
    for name in templates:
        file = name.removesuffix(".template")
        if file not in {"http.conf", "https.conf"} and not re.match(r"(http|locations)-", file):  # not by its name
            everything = "".join(templates.values()) + (project / "deploy/nginx/nginx.conf").read_text()
            assert re.search(rf"(include /tmp/|rewrite \^ /){re.escape(file)}", everything), file


def test_the_file_names_each_variable(project: Path) -> None:
    shipped = {path.name: path.read_text() for path in (project / "deploy/nginx/templates").iterdir()}
    variables = set(re.findall(r"\$\{(\w+)\}", "".join(shipped.values())))
    comment = shipped["service.conf.template"].partition("\n\n")[0]
    assert set(re.findall(r"\b[A-Z]+_?[A-Z]+\b", comment)) == variables


def test_a_project_has_only_what_its_framework_needs(project: Path, framework: str) -> None:
    text = "".join(path.read_text() for path in (project / "deploy/nginx").rglob("*") if path.is_file())
    for word in ("/static/", "/media/", "/srv/media", "/admin/"):
        assert (word in text) == (framework == "django"), word


# --- TLS ---


def make_certificate(directory: Path) -> None:
    """A new certificate of this machine's own making."""
    directory.mkdir(exist_ok=True, parents=True)
    key, certificate = directory / "new-privkey.pem", directory / "new-fullchain.pem"
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    run("openssl", "req", "-x509", *curve, *names, "-keyout", key, "-out", certificate)
    # As files of their own: by those, and by their times in seconds, newer versions of nginx know new ones.
    for file in (key, certificate):
        file.rename(directory / file.name.removeprefix("new-"))


@pytest.fixture(scope="module")
def tls(project: Path, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    directory = tmp_path_factory.mktemp("tls")
    make_certificate(directory / "certificates")
    with nginx.running(project, directory, [upstream.address], listen="https", trusted=TRUSTED) as running:
        yield running


def test_https_speaks_the_second_version(tls: Nginx) -> None:
    trust = ("--cacert", tls.directory / "certificates/fullchain.pem")
    told = curl(*trust, "--http2", "--write-out", "\n%{http_version}", f"{tls.tls}/api/v1/items?x=1", "-H", "Origin: x")
    body, _, version = told.rpartition("\n")
    assert version == "2"
    headers = json.loads(body)["headers"]
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-for"] == STRANGER
    assert headers["host"] == urlsplit(tls.tls).netloc
    assert json.loads(curl(*trust, "--http1.1", f"{tls.tls}/x"))["path"] == "/x"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"),
        ("--tls-max", "1.2", "--ciphers", "AES128-SHA256"),  # without forward secrecy
        ("--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-SHA256"),  # not authenticated as a whole
    ],
)
def test_https_refuses_what_is_weak(tls: Nginx, arguments: tuple[str, ...]) -> None:
    curl("--insecure", *arguments, tls.tls, code=35)


def test_https_speaks_what_is_strong(tls: Nginx) -> None:
    curl("--insecure", "--tls-max", "1.2", tls.tls)
    curl("--insecure", "--tlsv1.3", tls.tls)


def test_http_redirects_and_loses_nothing_of_the_address(tls: Nginx) -> None:
    for method in ("GET", "POST"):
        answer = get(tls.url, "/api/v1/items?limit=1", method=method, Host="example.com")
        assert answer.status == 308
        assert answer.headers["Location"] == "https://example.com/api/v1/items?limit=1"
        assert answer.headers["Server"] == "nginx"


def test_http_redirects_only_to_the_services_own_hosts(project: Path, upstream: Upstream, tmp_path: Path) -> None:
    make_certificate(tmp_path / "certificates")
    hosts = "www.example.com, .example.org"
    with nginx.running(project, tmp_path, [upstream.address], listen="https", hosts=hosts) as running:
        for host in ("www.example.com", "WWW.example.com:8080", "example.org", "a.b.example.org"):
            answer = get(running.url, "/x?y", Host=host)
            assert answer.status == 308, host
            assert answer.headers["Location"] == f"https://{host.lower().partition(':')[0]}/x?y"
        for host in ("evil.example", "example.com", "www.example.com.evil.example", "evilexample.org", "x"):
            answer = get(running.url, "/x?y", Host=host)
            check_problem(answer, 400)
            assert "Location" not in answer.headers


def test_http_still_answers_probes(tls: Nginx) -> None:
    assert get(tls.url, "/health/live").json["path"] == "/health/live"
    assert get(tls.url, "/health/ready").status == 308


def test_whoever_issues_certificates_is_answered_by_http(proxy: Nginx, tls: Nginx) -> None:
    """Without TLS as well: the first certificate is asked for while there is none."""
    for running in (proxy, tls):
        challenges = running.directory / "srv/acme/.well-known/acme-challenge"
        challenges.mkdir(parents=True)
        (challenges / "token").write_text("proof")
        answer = get(running.url, "/.well-known/acme-challenge/token")
        assert (answer.status, answer.body) == (200, b"proof")
        assert get(running.url, "/.well-known/acme-challenge/").status in {403, 404}


def test_plain_http_to_the_port_of_https_is_a_problem(tls: Nginx) -> None:
    check_problem(get(tls.tls.replace("https", "http"), "/"), 400)


def test_a_new_certificate_is_used_after_a_reload_which_loses_nothing(
    project: Path, upstream: Upstream, tmp_path: Path
) -> None:
    certificate = tmp_path / "certificates" / "fullchain.pem"
    make_certificate(certificate.parent)

    def used() -> bool:
        return ssl.get_server_certificate(("127.0.0.1", running.ports["https"])) == certificate.read_text()

    with (
        nginx.running(project, tmp_path, [upstream.address], listen="https") as running,
        ThreadPoolExecutor(1) as threads,
    ):
        assert used()
        slow = threads.submit(curl, "--insecure", f"{running.tls}/hang")
        upstream.held.acquire()
        make_certificate(certificate.parent)
        assert not used()
        running.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while not used():
            assert time.monotonic() < deadline
        assert not slow.done()
        upstream.released.set()
        assert slow.result() == "{}"
        upstream.released.clear()


# --- What passes ---


def test_only_a_trusted_balancer_says_who_the_client_is(proxy: Nginx) -> None:
    claims = {
        "X_Forwarded_For": "203.0.113.9, 198.51.100.7",
        "X_Forwarded_Proto": "https",
        "X_Forwarded_Protocol": "ssl",
        "X_Forwarded_Ssl": "on",
        "X_Forwarded_Host": "evil.example",
        "Forwarded": "for=203.0.113.9;proto=https",
    }
    told = get(proxy.url, "/x", **claims).json
    assert told["headers"]["x-forwarded-for"] == STRANGER
    assert told["headers"]["x-forwarded-proto"] == "http"
    assert "evil.example" not in json.dumps(told)
    assert not {"forwarded", "x-forwarded-protocol", "x-forwarded-ssl"} & set(told["names"])
    # The balancer appends the address that it sees to the client's header.
    told = get(proxy.url, "/x", source=BALANCER, **claims).json
    assert told["headers"]["x-forwarded-for"] == "198.51.100.7"
    assert told["headers"]["x-forwarded-proto"] == "https"
    assert told["names"].count("x-forwarded-for") == 1
    # A second balancer, trusted too, behind the first.
    chain = {"X_Forwarded_For": "203.0.113.9, 198.51.100.7, 10.1.2.3", "X_Forwarded_Proto": "http"}
    told = get(proxy.url, "/x", source=BALANCER, **chain).json
    assert told["headers"]["x-forwarded-for"] == "198.51.100.7"
    assert told["headers"]["x-forwarded-proto"] == "http"


@pytest.mark.parametrize("scheme", ["", "javascript", "https, http"])
def test_no_balancer_invents_a_scheme(proxy: Nginx, scheme: str) -> None:
    told = get(proxy.url, "/x", source=BALANCER, X_Forwarded_For="198.51.100.7", X_Forwarded_Proto=scheme).json
    assert told["headers"]["x-forwarded-proto"] == "http"


def test_nobody_is_trusted_unless_named(project: Path, upstream: Upstream, tmp_path: Path) -> None:
    with nginx.running(project, tmp_path, [upstream.address]) as running:
        for source in (STRANGER, BALANCER):
            told = get(running.url, "/x", source=source, X_Forwarded_For="1.2.3.4", X_Forwarded_Proto="https").json
            assert told["headers"]["x-forwarded-for"] == source
            assert told["headers"]["x-forwarded-proto"] == "http"


def test_connections_to_the_service_are_used_again(proxy: Nginx) -> None:
    """Regardless of the clients' headers for their own connections."""
    said: list[dict[str, str]] = [{}, {"Connection": "close"}, {"Connection": "upgrade", "Upgrade": "h2c"}]
    for headers in said * 2:
        told = get(proxy.url, "/x", **headers).json
        assert "connection" not in told["headers"]
        assert "upgrade" not in told["headers"]
    connections = {get(proxy.url, "/x").json["connection"] for _ in range(20)}
    assert len(connections) <= 4  # nginx has several processes, each with connections of its own


def test_a_body_is_whole_before_the_service_gets_it(proxy: Nginx) -> None:
    chunked = b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    told = json.loads(raw(proxy.url, chunked + b"5\r\nhello\r\n0\r\n\r\n").partition(b"\r\n\r\n")[2])
    assert told["body"] == 5
    assert told["headers"]["content-length"] == "5"
    assert "transfer-encoding" not in told["headers"]


def test_answers_are_compressed(proxy: Nginx) -> None:
    answer = get(proxy.url, "/large", Accept_Encoding="gzip")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert len(json.loads(gzip.decompress(answer.body))) == 5000
    assert "Content-Encoding" not in get(proxy.url, "/large").headers


# --- Files ---


@pytest.fixture
def pages(framework: str) -> None:
    if framework != "django":
        pytest.skip("only Django has pages and static files")


@pytest.mark.usefixtures("pages")
def test_static_files_are_cached_for_as_long_as_their_names_allow(proxy: Nginx) -> None:
    answer = get(proxy.url, HASHED)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/css"
    assert answer.headers["Cache-Control"] == "max-age=31536000, public, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert get(proxy.url, "/static/app/page.css").headers["Cache-Control"] == "max-age=60, public"
    assert get(proxy.url, HASHED, If_None_Match=answer.headers["ETag"]).status == 304


@pytest.mark.usefixtures("pages")
def test_static_files_were_compressed_before(proxy: Nginx) -> None:
    answer = get(proxy.url, HASHED, Accept_Encoding="gzip")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert gzip.decompress(answer.body) == b"/* compressed before */"


@pytest.mark.usefixtures("pages")
def test_static_files_of_another_version_come_from_the_service_that_has_it(project: Path, tmp_path: Path) -> None:
    write_files(tmp_path / "srv")
    new, gone = "/static/app/page.fedcba987654.css", "/static/gone.css"
    with serving() as one, serving() as two:
        one.missing |= {new, gone}
        two.missing |= {gone}
        with nginx.running(project, tmp_path, [one.address, two.address]) as running:
            for _ in range(10):
                assert get(running.url, new).json["server"] == two.address
                assert get(running.url, gone).status == 404
                assert get(running.url, HASHED).headers["Content-Type"] == "text/css"
            # A URL that one of them does not have is asked for once.
            one.missing.add("/api/v1/items/1")
            assert Counter(get(running.url, "/api/v1/items/1").status for _ in range(10)) == {200: 5, 404: 5}


POLICY = "default-src 'none'; sandbox"


@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize(
    ("name", "kind", "policy"),
    [
        ("photo.JPG", "image/jpeg", POLICY),
        ("paper.pdf", "application/pdf", None),
        ("film.mp4", "video/mp4", None),
        ("sound.wav", "audio/wav", None),
    ],
)
def test_media_of_safe_types_are_shown(proxy: Nginx, name: str, kind: str, policy: str | None) -> None:
    answer = get(proxy.url, f"/media/2030/{name}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, kind)
    assert "Content-Disposition" not in answer.headers
    assert answer.headers["Content-Security-Policy"] == policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize(
    "name", ["page.html", "drawing.svg", "script.js", "feed.xml", "nothing", "photo.jpg.html", "photo%2Ejpg.html"]
)
def test_other_media_are_for_saving(proxy: Nginx, name: str) -> None:
    answer = get(proxy.url, f"/media/2030/{name}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/octet-stream")
    assert answer.headers["Content-Disposition"] == "attachment"
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.skipif(CHROMIUM is None, reason="NOBODY OPENED THE MEDIA: there is no chromium on PATH")
@pytest.mark.usefixtures("pages")
def test_a_browser_plays_media_and_runs_none(proxy: Nginx) -> None:
    with sync_playwright() as playwright:
        page = launch(playwright).new_page()
        page.goto(f"{proxy.url}/media/2030/sound.wav")
        page.wait_for_function("document.querySelector('video, audio').readyState === 4")
        with page.expect_download() as saved, contextlib.suppress(PlaywrightError):
            page.goto(f"{proxy.url}/media/2030/page.html")
        assert saved.value.suggested_filename == "page.html"


@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize(
    "path",
    [
        "/media/",
        "/media/2030/",
        "/media/2030",
        "/media/2030/.hidden.png",
        "/media/.git/photo.png",
        "/media/2030/link.png",
        "/media/linked/app/page.css",
        "/media/2030/none.png",
        "/media/..%2foutside.png",
        "/media//%2e%2e/outside.png",
    ],
)
def test_media_that_are_nobodys_business(proxy: Nginx, upstream: Upstream, path: str) -> None:
    upstream.missing.add(path)
    answer = get(proxy.url, path)
    if answer.json:
        check_problem(answer, 404)
    else:  # the path leads out of /media/, so that the service had to answer
        assert answer.status == 404


@pytest.mark.usefixtures("pages")
def test_media_are_for_reading(proxy: Nginx) -> None:
    for method in ("POST", "PUT", "DELETE"):
        check_problem(get(proxy.url, "/media/2030/photo.JPG", method=method), 405)
    assert get(proxy.url, "/media/2030/photo.JPG", method="HEAD").status == 200
    part = get(proxy.url, "/media/2030/film.mp4", Range="bytes=1-6")
    assert (part.status, part.body) == (206, b"script")


# --- Limits ---


def test_a_body_has_the_size_that_the_service_takes(proxy: Nginx, framework: str) -> None:
    mebibyte = 1024 * 1024
    assert get(proxy.url, "/api/v1/items", method="POST", body=b"x" * mebibyte).json["body"] == mebibyte
    check_problem(get(proxy.url, "/api/v1/items", method="POST", body=b"x" * (mebibyte + 1)), 413)
    if framework == "django":
        assert get(proxy.url, "/admin/items/", method="POST", body=b"x" * 2 * mebibyte).json["body"] == 2 * mebibyte
        head = f"POST /admin/items/ HTTP/1.1\r\nHost: x\r\nContent-Length: {10 * mebibyte + 1}\r\n\r\n"
        assert raw(proxy.url, head.encode()).startswith(b"HTTP/1.1 413 ")


@pytest.fixture
def uploads(project: Path, tmp_path: Path) -> Path:
    """A project whose owner allows larger uploads, as the example in its file does, and Django's docs/media.md."""
    copy = tmp_path / "project"
    shutil.copytree(project / "deploy", copy / "deploy")
    example = copy / "deploy/nginx/locations/service.conf"
    text, uncommented = example.read_text(), re.compile(r"^# ?((?:location|    |\}).*)$", re.MULTILINE)
    page = project / "docs/media.md"
    blocks = re.findall(r"```nginx\n(.*?)```", page.read_text(), re.DOTALL) if page.exists() else []
    example.write_text("\n".join([uncommented.sub(r"\1", text), *blocks]))
    return copy


def test_an_owner_allows_larger_uploads_in_a_file_of_their_own(
    uploads: Path, upstream: Upstream, tmp_path: Path, framework: str
) -> None:
    body = b"x" * 2 * 1024 * 1024
    paths = ["/api/uploads/1", *(["/api/v1/documents"] if framework == "django" else [])]
    with nginx.running(uploads, tmp_path / "nginx", [upstream.address]) as running:
        for path in paths:
            assert get(running.url, path, method="POST", body=body).json["body"] == len(body)
        check_problem(get(running.url, "/api/v1/items", method="POST", body=body), 413)


@pytest.mark.usefixtures("pages")
def test_one_client_does_not_fill_the_memory_with_uploads(limited: Nginx) -> None:
    head = b"POST /admin/items/ HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n"
    parts = urlsplit(limited.url)
    address = parts.hostname or "", parts.port or 0
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(socket.create_connection(address, 10, (STRANGER, 0))).sendall(head)
        deadline = time.monotonic() + 10
        while (answer := get(limited.url, "/admin/items/", method="POST")).status != 429:
            assert time.monotonic() < deadline
        check_problem(answer, 429)
        for path, method, source in (
            ("/admin/items/", "GET", STRANGER),
            ("/api/v1/items", "POST", STRANGER),
            ("/admin/items/", "POST", BALANCER),
        ):
            assert get(limited.url, path, method=method, source=source).status == 200


def test_who_asks_too_much_has_to_wait(limited: Nginx) -> None:
    assert ask_at_once(limited.url, 210, path="/api/v1/items") == {200: 201, 429: 9}
    refused = get(limited.url, "/api/v1/items", source=BALANCER)
    check_problem(refused, 429)
    assert int(refused.headers["Retry-After"]) > 0
    # Neither does that concern others, nor what a client needs in any case.
    assert get(limited.url, "/api/v1/items").status == 200
    assert ask_at_once(limited.url, 210, path="/health/live") == {200: 210}
    check_problem(get(limited.url, "/metrics", source=BALANCER), 404)


def ask_at_once(url: str, count: int, path: str = "/x", method: str = "GET", **headers: str) -> Counter[int]:
    """Sends requests one after the other on a connection of the balancer's, and counts the answers' statuses."""
    request = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
    request += "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), 10, (BALANCER, 0)) as connection:
        connection.sendall((request + "\r\n").encode() * (count - 1))
        connection.sendall((request + "Connection: close\r\n\r\n").encode())
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return Counter(int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", answer))


def test_a_network_of_the_sixth_version_is_one_client(limited: Nginx) -> None:
    assert ask_at_once(limited.url, 202, X_Forwarded_For="2001:db8:a:b::1") == {200: 201, 429: 1}
    assert ask_at_once(limited.url, 1, X_Forwarded_For="2001:db8:a:b:c:d:e:f") == {429: 1}
    for other in ("2001:db8:a:c::1", "2001:db8::1", "2001:db8:0:1::1"):
        assert ask_at_once(limited.url, 1, X_Forwarded_For=other) == {200: 1}


def test_an_address_of_the_fourth_version_is_one_client_however_it_is_written(limited: Nginx) -> None:
    assert ask_at_once(limited.url, 202, X_Forwarded_For="::ffff:198.51.100.7") == {200: 201, 429: 1}
    assert ask_at_once(limited.url, 1, X_Forwarded_For="198.51.100.7") == {429: 1}
    for other in ("::ffff:198.51.100.8", "198.51.100.9"):
        assert ask_at_once(limited.url, 1, X_Forwarded_For=other) == {200: 1}


@pytest.mark.usefixtures("pages")
def test_logins_are_few(limited: Nginx) -> None:
    def log_in(count: int, path: str, client: str, method: str = "POST") -> Counter[int]:
        return ask_at_once(limited.url, count, path, method, X_Forwarded_For=client)

    assert log_in(10, "/admin/login/?next=/admin/", "198.51.100.1") == {200: 6, 429: 4}
    assert log_in(1, "//admin/./login%2F", "198.51.100.1") == {429: 1}
    assert log_in(50, "/admin/login/", "198.51.100.1", "GET") == {200: 50}
    assert log_in(50, "/admin/items/", "198.51.100.1") == {200: 50}
    assert log_in(1, "/admin/login/", "198.51.100.2") == {200: 1}
    assert log_in(10, "/accounts/login/", "198.51.100.3") == {200: 6, 429: 4}


@pytest.mark.option("shop")
@pytest.mark.xdist_group("nginx-django")
def test_orders_are_few(template: Path, upstream: Upstream, tmp_path: Path) -> None:
    answers = {"framework": "django", "login": "allauth", "admin": "django", "example": "shop"}
    project = render(template, tmp_path / "shop", **answers)
    with nginx.running(project, tmp_path / "nginx", [upstream.address], trusted=TRUSTED, limited=True) as running:
        for count, path, method, expected in (
            (50, "/shop/checkout/", "GET", {200: 50}),
            (10, "/shop/checkout/?x=1", "POST", {200: 6, 429: 4}),
            (50, "/shop/basket/oak-chair/", "POST", {200: 50}),
            (50, "/shop/webhook/", "POST", {200: 50}),
            (1, "/account/login/", "POST", {429: 1}),
        ):
            assert ask_at_once(running.url, count, path, method, X_Forwarded_For="198.51.100.1") == expected
        assert ask_at_once(running.url, 1, "/shop/checkout/", "POST", X_Forwarded_For="198.51.100.2") == {200: 1}


@pytest.mark.parametrize(("login", "path"), [("allauth", "password/reset"), ("django", "password_reset")])
def test_password_resets_are_few(template: Path, upstream: Upstream, tmp_path: Path, login: str, path: str) -> None:
    project = render(template, tmp_path / "service", framework="django", login=login)
    with nginx.running(project, tmp_path / "nginx", [upstream.address], trusted=TRUSTED, limited=True) as running:
        for each in (path, "login"):
            client = f"198.51.100.{len(each)}"
            found = ask_at_once(running.url, 10, f"/account/{each}/", "POST", X_Forwarded_For=client)
            assert found == {200: 6, 429: 4}


def test_a_client_has_so_many_connections(limited: Nginx, upstream: Upstream) -> None:
    def hang() -> socket.socket:
        connection = stack.enter_context(socket.create_connection(address, 10))
        connection.sendall(b"GET /hang HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return connection

    while upstream.held.acquire(blocking=False):
        pass  # requests that tests before this one have held
    parts = urlsplit(limited.url)
    address = parts.hostname or "", parts.port or 0
    with contextlib.ExitStack() as stack:
        open_ones = [hang() for _ in range(100)]
        for _ in open_ones:
            assert upstream.held.acquire(timeout=10)
        check_problem(get(limited.url, "/x"), 429)
        assert get(limited.url, "/health/live").status == 200
        assert get(limited.url, "/x", source=BALANCER).status == 200
        upstream.released.set()
        for connection in open_ones:
            assert connection.recv(1024).startswith(b"HTTP/1.1 200 ")
        assert get(limited.url, "/x").status == 200
    upstream.released.clear()


# --- Connections that stay open ---

UPGRADE = b"GET /any/path HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\r\n"


@contextlib.contextmanager
def websocket(url: str) -> Iterator[socket.socket]:
    """A connection that has left HTTP behind."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), 10) as connection:
        connection.sendall(UPGRADE)
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += connection.recv(1)
        assert answer.startswith(b"HTTP/1.1 101 ")
        yield connection


def test_a_websocket_passes_on_any_path(proxy: Nginx) -> None:
    with websocket(proxy.url) as connection:
        for message in (b"one", b"two"):
            connection.sendall(message)
            assert connection.recv(10) == message


def test_a_websocket_outlives_a_reload_for_a_while(proxy: Nginx) -> None:
    with websocket(proxy.url) as connection:
        proxy.process.send_signal(signal.SIGHUP)
        # Until the new processes answer, which have not served anything yet.
        deadline = time.monotonic() + 10
        while ask(f"{proxy.inside}/metrics").body.count(b'"waiting"} 0') != 1 and time.monotonic() < deadline:
            pass
        connection.sendall(b"still here")
        assert connection.recv(10) == b"still here"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/events", {"Accept": "text/event-stream"}),
        ("/events", {"Accept": "application/json, text/event-stream"}),  # as clients of MCP do
        ("/events?unbuffered", {}),
    ],
    ids=["asked for", "asked for among others", "answered so"],
)
def test_events_come_as_they_are_sent(proxy: Nginx, upstream: Upstream, path: str, headers: dict[str, str]) -> None:
    connection = HTTPConnection(urlsplit(proxy.url).netloc, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={**headers, "Accept-Encoding": "gzip"})
        response = connection.getresponse()
        assert "Content-Encoding" not in response.headers
        assert response.readline() == b"data: first\n"  # the second has not been sent
        upstream.released.set()
        assert response.read() == b"\ndata: second\n\n"
    upstream.released.clear()


def test_what_stays_open_is_limited_and_refused_like_anything_else(project: Path, tmp_path: Path) -> None:
    events = {"Accept": "text/event-stream"}
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with nginx.running(project, tmp_path, [f"127.0.0.1:{nobody.getsockname()[1]}"], limited=True) as running:
            check_problem(get(running.url, "/events", **events), 502)
            check_problem(get(running.url, "/metrics", **events), 404)
            assert ask_at_once(running.url, 210, **events)[429] > 0


# --- An instance is taken out ---


@pytest.mark.parametrize("flag", ["a", "b"])
@pytest.mark.parametrize("path", ["/x", "/events?unbuffered", "/health/live"])
def test_an_instance_with_a_flag_gets_nothing(project: Path, tmp_path: Path, flag: str, path: str) -> None:
    with serving() as one, serving() as two, nginx.running(project, tmp_path, [one.address, two.address]) as running:
        one.released.set()
        two.released.set()

        def asked() -> set[str]:
            before = one.requests, two.requests
            for _ in range(10):
                assert get(running.url, path).status == 200
            return {name for name, more in (("a", one.requests > before[0]), ("b", two.requests > before[1])) if more}

        assert asked() == {"a", "b"}
        (tmp_path / "drain").mkdir()
        (tmp_path / "drain" / flag).touch()
        assert asked() == {"a", "b"} - {flag}
        (tmp_path / "drain" / flag).unlink()
        assert asked() == {"a", "b"}


# --- An instance is slow, or gone ---


@pytest.fixture
def impatient(project: Path, tmp_path: Path) -> Path:
    """A project whose nginx waits for a second only."""
    copy = tmp_path / "project"
    shutil.copytree(project / "deploy", copy / "deploy")
    replace(copy / "deploy/nginx/templates/server.conf.template", "proxy_read_timeout 20s;", "proxy_read_timeout 1s;")
    return copy


def test_requests_that_take_too_long_do_not_close_the_service(impatient: Path, tmp_path: Path) -> None:
    with (
        serving() as one,
        serving() as two,
        nginx.running(impatient, tmp_path / "nginx", [one.address, two.address]) as running,
        ThreadPoolExecutor(4) as threads,
    ):
        slow = [threads.submit(get, running.url, "/hang", method="POST", body=b"x") for _ in range(4)]
        for answer in slow:
            check_problem(answer.result(), 504)
        assert [get(running.url, "/x").status for _ in range(20)] == [200] * 20


def test_an_instance_that_is_gone_is_not_noticed(project: Path, upstream: Upstream, tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        servers = [upstream.address, f"127.0.0.1:{nobody.getsockname()[1]}"]
        with nginx.running(project, tmp_path, servers) as running:
            statuses = [get(running.url, "/x", method=method).status for method in ["GET", "POST"] * 20]
            assert statuses == [200] * 40


# --- Where nobody answers ---


def test_a_browser_gets_a_page_and_a_program_a_problem(project: Path, tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with nginx.running(project, tmp_path, [f"127.0.0.1:{nobody.getsockname()[1]}"]) as running:
            for method in ("GET", "POST"):
                answer = get(running.url, "/api/v1/items", method=method)
                check_problem(answer, 502)
                assert int(answer.headers["Retry-After"]) > 0
                check_page(get(running.url, "/", method=method, Accept="text/html,*/*;q=0.8"), 502)


def test_a_large_upload_is_told_that_nobody_answers(uploads: Path, tmp_path: Path) -> None:
    body = b"x" * 2 * 1024 * 1024
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with nginx.running(uploads, tmp_path / "nginx", [f"127.0.0.1:{nobody.getsockname()[1]}"]) as running:
            check_problem(get(running.url, "/api/uploads/1", method="POST", body=body), 502)
            check_page(get(running.url, "/api/uploads/1", method="POST", body=body, Accept="text/html"), 502)


def check_page(answer: Answer, status: int) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "text/html"
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["X-Request-ID"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert b"<h1>Back soon</h1>" in answer.body
    assert not re.search(rb"(src|href)=", answer.body)


def test_maintenance_is_a_file(proxy: Nginx, framework: str) -> None:
    switch = proxy.directory / "maintenance"
    switch.touch()
    try:
        for path in ("/", "/api/v1/items", "/admin/", *(["/static/none.css"] if framework == "django" else [])):
            check_problem(get(proxy.url, path), 503)
            check_page(get(proxy.url, path, Accept="text/html"), 503)
        check_problem(get(proxy.url, "/events", Accept="text/event-stream"), 503)
        assert get(proxy.url, "/health/live").status == 200
        if framework == "django":
            assert get(proxy.url, "/media/2030/photo.JPG").status == 200
    finally:
        switch.unlink()
    assert get(proxy.url, "/api/v1/items").status == 200


# --- nginx's own ---


def test_what_nginx_refuses_is_a_problem(proxy: Nginx) -> None:
    url = proxy.url
    for path in ("/metrics", "/metrics/", "//metrics", "/%6detrics", "/-/problem", "/-/unavailable.html"):
        check_problem(get(url, path), 404)
    for path in ("/health/ready", "/health/ready/", "//health/ready", "/health/%72eady", "/health/./ready?x"):
        check_problem(get(url, path), 404)
    assert get(url, "/healthcare").status == 200
    assert get(url, "/" + "x" * 5_000).status == 200
    check_problem(get(url, "/" + "x" * 8_200), 414)
    check_problem(get(url, "/", X_Long="x" * 10_000), 431)
    for request in (
        b"GET / HTTP/1.1\r\n\r\n",  # no host
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: many\r\n\r\n",
        b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GE T / HTTP/1.1\r\nHost: a\r\n\r\n",
    ):
        head, _, body = raw(url, request).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 "), request
        assert b"application/problem+json" in head, request
        assert json.loads(body)["status"] == 400
        assert b"nginx/" not in head


def test_a_browser_gets_a_page_that_says_what_nginx_refuses(proxy: Nginx, limited: Nginx, framework: str) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    check_refusal(get(proxy.url, "/metrics", **browser), 404, b"Not Found")
    large = b"x" * (1024 * 1024 + 1)
    check_refusal(get(proxy.url, "/api/v1/items", method="POST", body=large, **browser), 413, b"Content Too Large")
    if framework == "django":
        check_refusal(get(proxy.url, "/media/none.png", **browser), 404, b"Not Found")
        for _ in range(7):
            answer = get(limited.url, "/admin/login/", method="POST", **browser)
        check_refusal(answer, 429, b"Too Many Requests")
        assert int(answer.headers["Retry-After"]) > 0


def check_refusal(answer: Answer, status: int, title: bytes) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "text/html"
    assert answer.headers["X-Request-ID"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert b"<h1>%s</h1>" % title in answer.body


def test_the_service_decides_about_host_names(proxy: Nginx) -> None:
    told = get(proxy.url, "/x", Host="unknown.example:8443").json
    assert told["headers"]["host"] == "unknown.example:8443"


def test_only_nginxs_own_answers_leave_a_line(project: Path, upstream: Upstream, tmp_path: Path) -> None:
    write_files(tmp_path / "srv")
    with nginx.running(project, tmp_path, [upstream.address]) as running:
        for path in ("/x", HASHED, "/health/live"):
            assert get(running.url, path).status == 200
        with websocket(running.url):
            pass
        check_problem(get(running.url, "/metrics", X_Request_ID="mine"), 404)
        check_problem(ask(f"{running.url}/metrics", "POST", {}), 404)
        running.process.send_signal(signal.SIGQUIT)
        running.process.wait(10)
    lines = [json.loads(line) for line in (tmp_path / "stdout").read_text().splitlines()]
    # Two workers may write their lines in either order.
    got, posted = sorted(lines, key=lambda line: line["method"])
    assert (got["method"], got["status"], got["request_id"]) == ("GET", 404, "mine")
    assert (posted["method"], posted["status"]) == ("POST", 404)


def test_inside_there_are_metrics_and_health(proxy: Nginx, upstream: Upstream) -> None:
    assert ask(f"{proxy.inside}/health").status == 200
    assert b"Active connections" in ask(f"{proxy.inside}/status").body
    text = ask(f"{proxy.inside}/metrics").body.decode()
    assert re.search(r'^nginx_connections\{state="writing"\} [1-9]\d*$', text, re.MULTILINE)
    if promtool := shutil.which("promtool"):
        result = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True, check=False)
        assert "error" not in result.stderr, result.stderr
    assert ask(f"{proxy.inside}/x").status == 404
    # Its paths are the service's on the public side.
    upstream.missing.add("/health")
    for path in ("/health", "/status", "/metrics"):
        answer = get(proxy.url, path)
        assert b"nginx_connections" not in answer.body
        assert b"Active connections" not in answer.body


def test_inside_is_closed_to_the_world(project: Path, upstream: Upstream, tmp_path: Path) -> None:
    """As this machine would see it, were its address one of the world's."""
    copy = tmp_path / "project"
    shutil.copytree(project / "deploy", copy / "deploy")
    replace(copy / "deploy/nginx/templates/service.conf.template", "    127.0.0.0/8 1;\n", "")
    with nginx.running(copy, tmp_path / "nginx", [upstream.address], trusted=TRUSTED) as running:
        for path in ("/health", "/status", "/metrics"):
            assert get(running.inside, path).status == 404
            assert get(running.inside, path, source=BALANCER, X_Forwarded_For="10.0.0.1").status == 404


# --- With the service itself ---

WHO = {
    "django": '''

@api.get("/who", auth=None)
def who(request: HttpRequest) -> list[str | None]:
    """Tell how the service sees a request."""
    return [request.headers["X-Forwarded-For"], request.scheme, request.build_absolute_uri("/")]
''',
    "fastapi": '''

@app.get("/api/who")
async def answer(request: Request) -> list[str]:
    """Tell how the service sees a request."""
    return [request.client.host if request.client else "", request.url.scheme, str(request.base_url)]
''',
}
IMPORTS = {"django": "from django.http import HttpRequest\n", "fastapi": "from fastapi import Request\n"}


@pytest.fixture(scope="module")
def service(
    framework: str, template: Path, postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Project, str]]:
    """A project's own service in production; its address."""
    directory = tmp_path_factory.mktemp(f"{framework}-whole")
    answers = {"login": "allauth", "admin": "django"} if framework == "django" else {}
    path = render(template, directory / "service", framework=framework, **answers)
    main = next(path.glob("*/api.py" if framework == "django" else "*/main.py"))
    replace(main, "\nfrom ", f"\n{IMPORTS[framework]}from ")
    main.write_text(main.read_text() + WHO[framework])
    project = set_up(path)
    database = postgres.create(f"nginx_{framework}")
    project.poe("migrate", DATABASE_URL=database)
    variables = {"DATABASE_URL": database, "WEB_CONCURRENCY": "1", "ADMIN_NETWORKS": "198.51.100.7/32"}
    with started(project, directory / "log", **variables) as instance:
        yield project, f"127.0.0.1:{instance.port}"


def test_the_service_knows_the_client_and_that_it_came_by_https(service: tuple[Project, str], tmp_path: Path) -> None:
    project, address = service
    make_certificate(tmp_path / "certificates")
    with nginx.running(project.path, tmp_path, [address], listen="https") as running:
        told = curl(
            *("--cacert", tmp_path / "certificates/fullchain.pem", "--dump-header", tmp_path / "head"),
            *("-H", "X-Forwarded-For: 203.0.113.9", f"{running.tls}/api/who"),
        )
        assert json.loads(told) == [STRANGER, "https", f"{running.tls}/"]
        assert "strict-transport-security: max-age=31536000" in (tmp_path / "head").read_text().lower()
    with nginx.running(project.path, tmp_path / "http", [address], trusted=TRUSTED) as running:
        claims = {"X_Forwarded_For": "203.0.113.9", "X_Forwarded_Proto": "https", "X_Forwarded_Ssl": "on"}
        spoofed = get(running.url, "/api/who", **claims)
        assert spoofed.json == [STRANGER, "http", f"{running.url}/"]
        assert "Strict-Transport-Security" not in spoofed.headers
        balanced = {"X_Forwarded_For": "203.0.113.9, 198.51.100.7", "X_Forwarded_Proto": "https"}
        answer = get(running.url, "/api/who", source=BALANCER, **balanced)
        assert answer.json == ["198.51.100.7", "https", f"{running.url}/".replace("http", "https")]
        assert "Strict-Transport-Security" in answer.headers
        if (project.path / "manage.py").exists():  # the admin is open to the network of this client, and of no other
            admin = [
                get(running.url, "/admin/", source=source, **headers).status
                for source, headers in (
                    (BALANCER, balanced),
                    (STRANGER, claims | {"X_Forwarded_For": "198.51.100.7"}),
                    (BALANCER, balanced | {"X_Forwarded_For": "198.51.100.7, 203.0.113.9"}),
                )
            ]
            assert admin == [302, 404, 404]
        unknown = get(running.url, "/api/v1/items", Host="unknown.example")
        assert (unknown.status, unknown.headers["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.usefixtures("pages")
def test_staff_log_in_on_any_port_and_find_their_styles(service: tuple[Project, str], tmp_path: Path) -> None:
    """Django compares the host, its port included, with the page that a form came from."""
    project, address = service
    make_certificate(tmp_path / "certificates")
    with nginx.running(project.path, tmp_path, [address], listen="https", limited=True) as running:
        jar = tmp_path / "cookies"
        browser = ("--insecure", "--cookie", jar, "--cookie-jar", jar, f"{running.tls}/account/login/")
        assert "csrfmiddlewaretoken" in curl(*browser)
        (token,) = re.findall(r"csrftoken\t(\w+)", jar.read_text())
        form = f"login=nobody@example.com&password=wrong&csrfmiddlewaretoken={token}"
        post = ("--data", form, "-H", f"Origin: {running.tls}", "--write-out", "\n%{http_code}")
        pages = [curl(*browser, *post).rpartition("\n") for _ in range(7)]
        assert [status for *_, status in pages] == ["200"] * 6 + ["429"]
        assert "email address and/or password you specified are not correct" in pages[0][0]
        # No volume is mounted: the service has the files.
        assert "--primary" in curl("--insecure", f"{running.tls}/static/admin/css/base.css")
