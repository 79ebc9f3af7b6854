"""The config plugin `gist`, with a real HTTPS server on the other end."""

import time

import pytest
from gist_fixtures import needs_gist
from github import CONFIG, ID, GitHub, Proxy, ask, config, error, gist, make_certificate, reply
from version import VERSION

pytestmark = needs_gist


@pytest.mark.parametrize("text", [
    CONFIG, '# a comment\n// another\n{"a": "// none",\n\t# x\n"b": "#"}\n', '{"é漢😀": "\\u00e9 \\"\\\\"}\n\n  ',
    '{"big": "' + "x" * 900_000 + '"}'], ids=["plain", "comments", "odd", "big"])
def test_the_configuration_comes_byte_for_byte(manager, github, begin, text):
    github.serve({"osquery.conf": text, "notes.md": "# Notes"})
    begin()
    assert config(manager) == [{"gist": text}]
    (path, headers), = github.requests
    assert path == f"/gists/{ID}"
    assert headers["accept"] == "application/vnd.github+json"
    assert headers["user-agent"] == f"tutorial-extension/{VERSION}"
    assert "authorization" not in headers


SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize("address, path", [
    (f"groob/{ID}", f"/gists/{ID}"), (f"{ID}/{SHA}", f"/gists/{ID}/{SHA}"), (f"groob/{ID}/{SHA}", f"/gists/{ID}/{SHA}"),
    (f"https://gist.github.com/groob/{ID}", f"/gists/{ID}"), (f"https://gist.github.com/groob/{ID}/", f"/gists/{ID}"),
    (f"https://gist.github.com/{ID}.git", f"/gists/{ID}"), ("12345", "/gists/12345")])
def test_a_gist_can_be_named_in_several_ways(manager, github, begin, address, path):
    github.answers[path] = gist({"osquery.conf": CONFIG})
    begin(address)
    assert config(manager) == [{"gist": CONFIG}]


@pytest.mark.parametrize("address", [
    f"../{ID}", f"{ID}/../../user", "..%2f", "http://gist.github.com/x/" + ID, "a b", "x" * 5000, f"{ID}?a=b", f"{ID}#x", "é"])
def test_what_names_no_gist_is_refused_before_anything_is_asked(manager, github, begin, address):
    begin(address)
    assert "is no gist" in error(manager)
    assert github.requests == []


def test_without_the_variable_the_error_says_what_to_set(manager, begin):
    begin(gist=None)
    assert "OSQUERY_CONFIG_GIST is not set" in error(manager)


def test_an_unchanged_gist_costs_no_rate_limit(manager, github, begin):
    def answer(request):
        if request.headers.get("If-None-Match") == 'W/"one"':
            request.send_response(304)
            request.send_header("ETag", 'W/"one"')
            request.end_headers()
        else:
            reply(request, gist({"osquery.conf": CONFIG}), ETag='W/"one"')

    github.answers[f"/gists/{ID}"] = answer
    begin()
    for _ in range(3):
        assert config(manager) == [{"gist": CONFIG}]
    assert [headers.get("if-none-match") for _, headers in github.requests] == [None, 'W/"one"', 'W/"one"']


def test_a_changed_gist_replaces_the_old_one(manager, github, begin):
    begin()
    config(manager)
    github.serve({"osquery.conf": '{"new": 1}'})
    assert config(manager) == [{"gist": '{"new": 1}'}]


def test_packs_are_the_other_files(manager, github, begin):
    pack = '{"queries": {}}'
    github.serve({"osquery.conf": CONFIG, "mypack.conf": pack, "broken.conf": "<html>", "notes.md": "x"})
    begin()
    config(manager)
    response = ask(manager, action="genPack", name="mypack", value="*")
    assert response.response == [{"mypack": pack}]
    missing = error(manager, action="genPack", name="other", value="*")
    assert "no file “other.conf”" in missing and "broken.conf, mypack.conf, notes.md, osquery.conf" in missing
    assert "osqueryd would not take broken.conf: it is not a JSON object" in error(manager, action="genPack", name="broken", value="*")
    assert len(github.requests) == 1


def test_truncated_files_come_from_their_raw_url(manager, github, begin):
    text = '{"big": "' + "y" * 3_000_000 + '"}'
    github.answers["/raw/osquery.conf"] = text
    github.serve({"osquery.conf": {"truncated": True, "content": text[:1000], "raw_url": f"{github.url}/raw/osquery.conf"}})
    begin(OSQUERY_CONFIG_GIST_TOKEN="secret")
    assert config(manager) == [{"gist": text}]


@pytest.mark.parametrize("url", [
    "http://localhost:1/x", "https://evil.example.com/x", "https://user@localhost/x", "file:///etc/passwd", "//evil.example.com/x",
    "https://gist.githubusercontent.com.evil.example/x"])
def test_neither_a_raw_url_nor_a_redirect_leads_elsewhere(manager, github, begin, url):
    begin(OSQUERY_CONFIG_GIST_TOKEN="secret")
    github.serve({"osquery.conf": {"truncated": True, "content": "", "raw_url": url}})
    assert "is not followed" in error(manager)
    github.answers[f"/gists/{ID}"] = lambda request: reply(request, "", 302, Location=url)
    assert "is not followed" in error(manager)


def test_redirects_on_the_same_host_are_followed_and_loops_are_not(manager, github, begin):
    github.answers["/elsewhere"] = gist({"osquery.conf": CONFIG})
    github.answers[f"/gists/{ID}"] = lambda request: reply(request, "", 301, Location="/elsewhere")
    begin(OSQUERY_CONFIG_GIST_TOKEN="secret")
    assert config(manager) == [{"gist": CONFIG}]
    github.answers["/elsewhere"] = lambda request: reply(request, "", 307, Location=f"{github.url}/gists/{ID}")
    github.requests.clear()
    state_kept = config(manager)
    assert state_kept == [{"gist": CONFIG}]
    assert len(github.requests) == 6


def test_the_token_is_sent_to_the_api_alone(manager, github, begin, tmp_path):
    token = tmp_path / "token"
    token.write_text("ghp_secret\n")
    token.chmod(0o600)
    begin(OSQUERY_CONFIG_GIST_TOKEN_FILE=str(token))
    config(manager)
    assert github.requests[-1][1]["authorization"] == "Bearer ghp_secret"


def test_a_token_that_others_can_read_is_refused(manager, github, begin, tmp_path):
    token = tmp_path / "token"
    token.write_text("ghp_secret\n")
    token.chmod(0o644)
    begin(OSQUERY_CONFIG_GIST_TOKEN_FILE=str(token))
    assert "set its mode to 0600" in error(manager)
    assert github.requests == []
    token.chmod(0o600)
    assert config(manager) == [{"gist": CONFIG}]
    token.unlink()
    assert config(manager) == [{"gist": CONFIG}]
    assert len(github.requests) == 1


@pytest.mark.parametrize("status, headers", [
    (403, {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": str(int(time.time()) + 500)}), (429, {"Retry_After": "400"})])
def test_a_rate_limit_is_respected(manager, github, begin, status, headers):
    begin()
    config(manager)
    github.answers[f"/gists/{ID}"] = lambda request: reply(request, "{}", status, **headers)
    before = len(github.requests)
    for _ in range(3):
        assert config(manager) == [{"gist": CONFIG}]
    assert len(github.requests) == before + 1


@pytest.mark.parametrize("status", [401, 403, 404, 500, 502])
def test_an_error_is_said_with_its_number(manager, github, begin, status):
    github.answers[f"/gists/{ID}"] = lambda request: reply(request, "<html>no</html>", status, Content_Type="text/html")
    begin()
    assert f"status {status}" in error(manager)


def endless(request):
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(b'{"files": {"osquery.conf": {"content": "' + b"x" * 65536)


def drip(request):
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    while True:
        request.wfile.write(b"{")
        request.wfile.flush()
        time.sleep(0.2)


def silence(request):
    time.sleep(8)


def cut(request):
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b"{")
    request.close_connection = True


HOSTILE = {
    "endless": (endless, "larger than 10 MiB"),
    "drip": (drip, "not complete within"),
    "silence": (silence, "not reached"),
    "cut": (cut, "not reached"),
    "html": (lambda r: reply(r, "<html>", Content_Type="text/html"), "41 bytes|6 bytes of text/html"),
    "array": (lambda r: reply(r, "[]"), "no gist"),
    "no osquery.conf": (lambda r: reply(r, gist({"b.md": "x", "a.conf": "{}"})), "no file “osquery.conf”; it has a.conf, b.md"),
    "no files": (lambda r: reply(r, gist({})), "it has none"),
    "a list": (lambda r: reply(r, gist({"osquery.conf": "[1]"})), "not a JSON object"),
    "broken": (lambda r: reply(r, gist({"osquery.conf": '{"a": '})), "not a JSON object"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_is_an_error_and_never_replaces_what_is_good(manager, github, begin, state, name):
    answer, sentence = HOSTILE[name]
    github.answers[f"/gists/{ID}"] = answer
    extension = begin()
    assert any(part in error(manager) for part in sentence.split("|"))
    assert not (state / "gist.json").exists()
    github.serve({"osquery.conf": CONFIG})
    assert config(manager) == [{"gist": CONFIG}]
    github.answers[f"/gists/{ID}"] = answer
    assert config(manager) == [{"gist": CONFIG}]
    assert "s ago is used" in extension.words()
    assert extension.memory()["RssAnon"] < 60 << 10


@pytest.mark.parametrize("is_shared", [True, False])
def test_a_second_process_in_the_state_directory_is_told_that_it_shares_the_configuration(manager, begin, state, tmp_path, is_shared):
    """Where the spool alone is shared, no configuration is spoken of."""
    spool = str(state if is_shared else tmp_path / "spool")
    words = []
    for _ in range(2):
        extension = begin(OSQUERY_JOURNAL_SPOOL=spool)
        words.append(extension.words())
    assert "Another process" not in words[0]
    assert "Another process" in words[1] and "No log is lost" in words[1]
    assert ("configuration of the gist" in words[1]) == is_shared
    assert ("set STATE_DIRECTORY" in words[1], "set OSQUERY_JOURNAL_SPOOL" in words[1]) == (is_shared, not is_shared)


def test_a_damaged_copy_is_no_configuration(manager, github, begin, state):
    state.mkdir(mode=0o700)
    (state / "gist.json").write_text('{"gist": "/gists/' + ID)
    github.answers[f"/gists/{ID}"] = lambda request: reply(request, "", 503)
    begin()
    assert "status 503" in error(manager)


def test_invalid_tls_is_refused(manager, github, begin, tmp_path):
    begin(SSL_CERT_FILE="/etc/ssl/certs/ca-certificates.crt")
    assert "not reached" in error(manager)
    assert github.requests == []


def test_a_certificate_for_another_host_is_refused(manager, begin, tmp_path):
    certificate = make_certificate(tmp_path, "other.example")
    server = GitHub(*certificate)
    try:
        begin(url=server.url, SSL_CERT_FILE=certificate[0])
        assert "not reached" in error(manager)
        assert server.requests == []
    finally:
        server.stop()


def test_nobody_there_is_an_error_in_time(manager, begin):
    begin(url="https://localhost:1")
    assert "not reached" in error(manager)


@pytest.mark.parametrize("url", ["http://localhost:1", "localhost", "ftp://x", "https://"])
def test_only_https_is_asked(manager, begin, url):
    begin(url=url)
    assert "OSQUERY_CONFIG_GIST_URL" in error(manager)


def test_the_usual_variables_name_a_proxy(manager, github, begin):
    proxy = Proxy(github.port)
    try:
        begin(https_proxy=proxy.url)
        assert config(manager) == [{"gist": CONFIG}]
        assert proxy.asked == [f"CONNECT localhost:{github.port} HTTP/1.1"]
    finally:
        proxy.stop()


def test_no_proxy_is_heeded(manager, github, begin):
    proxy = Proxy(github.port)
    try:
        begin(https_proxy=proxy.url, no_proxy="example.com, localhost")
        assert config(manager) == [{"gist": CONFIG}]
        assert proxy.asked == []
    finally:
        proxy.stop()
