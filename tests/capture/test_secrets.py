from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples

from runlore.capture.secrets import (
    MASK,
    is_secret_name,
    redact,
    redact_arguments,
    redact_forms,
    redact_lines,
    redact_url,
    redact_value,
)

FORMS = [
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "a1B2_" * 6,
    "glpat-" + "x" * 20,
    "xoxb-1234567890-abcdef",
    "sk-ant-api03-" + "x" * 30,
    "hf_" + "Zz9" * 11,
    "AIza" + "b" * 35,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
]


@pytest.mark.parametrize("secret", FORMS)
@pytest.mark.parametrize("around", ["{}", "x = '{}'", "+    key({})", "https://h/?q={}&b=1", "a\n{}\nb"])
def test_a_known_form_never_stays(secret, around):
    assert secret not in redact_forms(around.format(secret))
    assert secret not in redact(around.format(secret))


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ('password = "hunter2"', "hunter2"),
        ("PASSWORD=hunter2", "hunter2"),
        ("db_password: hunter2", "hunter2"),
        ('"api_key": "abc123"', "abc123"),
        ("{'secret': 'abc123'}", "abc123"),
        ('os.environ["WANDB_API_KEY"] = "0123456789abcdef"', "0123456789abcdef"),
        ('os.environ.setdefault("HF_TOKEN", "abc def")', "abc def"),
        ("export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI"),
        ("token='short'", "short"),
        ("auth_token := zzzzz", "zzzzz"),
        ("password: str = 'hunter2'", "hunter2"),
        ("Authorization: Bearer abcdefghijklmnop1234", "abcdefghijklmnop1234"),
        ("postgres://ann:hunter2@db/x", "hunter2"),
        ("https://x.blob/y?sv=1&sig=abcd%3D", "abcd"),
    ],
)
def test_a_value_after_a_telling_name_is_masked(text, secret):
    cleaned = redact(text)
    assert secret not in cleaned
    assert MASK in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens = 512",
        "tokenizer = AutoTokenizer.from_pretrained('gpt2')",
        "token_ids = batch['input_ids']",
        "pad_token = '<pad>'",
        "num_tokens: 10240",
        "password = getpass.getpass()",
        "secret = os.environ['X']",
        "token = None",
        "token = args.token",
        "author = 'Ann Example'",
        "monkey = 'banana'",
        "tokens = text.split()",
        "learning_rate = 0.001",
        "see https://example.org/a?b=c",
    ],
)
def test_what_training_code_is_full_of_stays(text):
    assert redact(text) == text


def test_a_private_key_loses_its_body_and_the_diff_keeps_its_lines():
    body = "\n".join("+" + "MIIEpAIBAAKCAQEA" * 4 for _ in range(5))
    diff = f"+++ b/key.pem\n@@ -0,0 +1,7 @@\n+-----BEGIN RSA PRIVATE KEY-----\n{body}\n+-----END RSA PRIVATE KEY-----\n"
    cleaned = redact(diff)
    assert "MIIE" not in cleaned
    assert cleaned.count("\n") == diff.count("\n")
    assert [line[:1] for line in cleaned.splitlines()] == [line[:1] for line in diff.splitlines()]


def test_a_private_key_that_is_cut_off_or_in_one_string_is_masked_too():
    assert "MIIE" not in redact("-----BEGIN PRIVATE KEY-----\n" + "MIIEabcd" * 8)
    assert "MIIE" not in redact(r'"-----BEGIN PRIVATE KEY-----\n' + "MIIEabcd" * 8 + r'\n-----END PRIVATE KEY-----"')


def test_urls_lose_credentials_and_nothing_else():
    assert redact_url("https://ann:pw@example.org:8443/x.git") == "https://example.org:8443/x.git"
    assert redact_url("https://token@example.org/x.git") == "https://example.org/x.git"
    assert redact_url("ssh://git@example.org/x.git") == "ssh://git@example.org/x.git"
    assert redact_url("ssh://ann:pw@example.org/x.git") == "ssh://example.org/x.git"
    assert redact_url("git@example.org:x/y.git") == "git@example.org:x/y.git"
    assert redact_url("/srv/git/x.git") == "/srv/git/x.git"
    assert redact_url("https://p@ss:w@rd@example.org/x") == "https://example.org/x"


@pytest.mark.parametrize(
    ("address", "left"),
    [
        ("user:pass@host:x.git", "host:x.git"),
        ("tok@host:x.git", "host:x.git"),
        ("ssh://tok@host", "ssh://host"),
        ("ssh://tok@host:22/x.git", "ssh://host:22/x.git"),
        ("ssh://git:pw@host/x.git", "ssh://host/x.git"),
        ("https://x-access-token:tok@host/x.git", "https://host/x.git"),
        ("https://git@host/x.git", "https://host/x.git"),
        ("https://u:p/w@host/x.git", "https://host/x.git"),
        ("https://u:p@w@host:8080/x@y.git", "https://host:8080/x@y.git"),
        ("https://host:8080/@scope/x.git", "https://host:8080/@scope/x.git"),
        ("https://host/x@y.git", "https://host/x@y.git"),
        ("ext::https://tok@host/x", "ext::https://host/x"),
        ("http://tok@[::1]:80/x", "http://[::1]:80/x"),
        ("s3://bucket/key", "s3://bucket/key"),
        ("file:///srv/x.git", "file:///srv/x.git"),
        ("C:/x@y/z.git", "C:/x@y/z.git"),
        ("../x@y.git", "../x@y.git"),
        ("", ""),
    ],
)
def test_remotes_of_every_form(address, left):
    assert redact_url(address) == left


def test_arguments():
    given_arguments = ["t.py", "--password", "-dash", "--token=a=b", "--lr", "1e-3", "db.password=x", "--secret"]
    assert redact_arguments(given_arguments) == [
        "t.py", "--password", MASK, f"--token={MASK}", "--lr", "1e-3", f"db.password={MASK}", "--secret",
    ]  # fmt: skip


def test_names_and_values():
    assert is_secret_name("MY_ACCESS_KEY")
    assert not is_secret_name("TOKENIZERS_PARALLELISM")
    assert redact_value("SLURM_JWT", "abc") == MASK
    assert redact_value("URL", "http://a:b@c/") == f"http://{MASK}@c/"
    assert redact_value("PASSWORD", "") == ""


@settings(deadline=None, max_examples=examples(60))
@given(st.text(alphabet="abcXYZ019_-+/!?.:@#$%&|~^", min_size=4))
def test_no_quoted_password_survives(secret):
    line = f'password = "{secret}"'
    cleaned = redact(line)
    assert cleaned == line or MASK in cleaned
    if not secret.replace(".", "").replace("-", "").replace("+", "").isdigit() and cleaned == line:
        assert secret.lower() in {"none", "null", "true", "false", "undefined", "bytes", "float", "bool"} or (
            set(secret) <= set("0123456789.-+eE") or re.fullmatch(r"\$[A-Z_][A-Z0-9_]*", secret)
        )


@pytest.mark.parametrize(
    "text",
    [
        "a" * 200_000, "password" * 20_000, "password=" * 20_000, "token" + " " * 100_000, "x=" * 100_000,
        "-----BEGIN PRIVATE KEY-----" * 5000, "-----BEGIN PRIVATE KEY-----\n" * 5000,
        "-----BEGIN PRIVATE KEY-----\n" + "A" * 200_000, "-----BEGIN PRIVATE KEY-----\n" + "AAAA \n" * 30_000,
        "-----BEGIN " * 20_000, "a://" * 40_000, "a:b@" * 40_000, "https://a@" * 15_000, "_-" * 50_000,
        "password='" * 15_000, "password=\"'`" * 10_000, "token:" * 20_000, "eyJ" * 50_000, "eyJaaaaaaaa." * 15_000,
        "Bearer " * 20_000, "cookie: " * 20_000, "?key" * 40_000, "sk-" * 60_000, "AKIA" * 50_000, "key.key-" * 20_000,
        "password: " + "a " * 90_000, "SG." * 50_000, "password" + "\\" * 100_000,
    ],
    ids=lambda text: text[:24],
)  # fmt: skip
def test_hostile_text_takes_linear_time(text):
    def seconds(text):
        begun = time.process_time()
        redact_lines(text)
        redact_arguments([text, f"--x={text}"])
        redact_url(text)
        return time.process_time() - begun

    seconds("password=x https://a@b AKIA")  # what is compiled once
    assert seconds(text) < 30  # quadratic time would take many minutes


# -- names ----------------------------------------------------------------------------------------------------------

SECRET_OPTIONS = [
    "--pass", "--pw", "--pwd", "--passwd", "--passphrase", "--password", "--key", "--wandb-key", "--wandb_key",
    "--bearer", "--pat", "--github-pat", "--secret", "--client-secret", "--token", "--hf_token", "--auth-token",
    "--accessToken",
    "--credential", "--credentials", "--creds", "--auth", "--basic-auth", "--cookie", "--dsn", "--sentry-dsn",
    "--connection-string", "--conn-str", "--api-key", "--apikey", "--APIKey", "--api_key_2", "--private-key",
    "--trainer.logger.api_key", "--db.pass", "--token-value", "--ssh-key", "--session-token", "--sas-token", "--jwt",
    "-api_key", "/password",
]  # fmt: skip
HARMLESS_OPTIONS = [
    "--lr", "--key-dim", "--key-size", "--tokenizer", "--max-tokens", "--max_new_tokens", "--pad_token_id",
    "--pad-token", "--eos-token", "--passes", "--num-passes", "--password-file", "--token-file", "--credentials-path",
    "--monkey",
    "--keys-per-batch", "--primary_key", "--sort-key", "--metric-key", "--cache_key", "--keyboard", "--keypoints",
    "--num-keys", "--author", "--authors", "--patience", "--pattern", "--path", "--patch-size", "--compass", "--bypass",
    "--pass-through", "--forward-pass", "--token-dropout", "--cost-per-token", "--tokens-per-second", "--auth-type",
    "--session", "--connect", "--cookiecutter-template", "--secret-name", "--api-key-env", "--password-length",
    "--passive", "--pwm", "--turkey", "--oauth", "-p", "-k", "--query-key", "--image_token", "--special-token",
]  # fmt: skip


@pytest.mark.parametrize("option", [option for option in SECRET_OPTIONS if option.startswith("-")])
def test_the_value_of_a_telling_option_is_masked_in_every_way_of_writing_it(option):
    name = option.lstrip("-")
    assert redact_arguments(["t.py", option, "X", "--lr", "0.1"]) == ["t.py", option, MASK, "--lr", "0.1"]
    assert redact_arguments([f"{option}=X"]) == [f"{option}={MASK}"]
    for prefix in ("", "+", "++", "model.", "+a.b.", "-D"):
        assert redact_arguments([f"{prefix}{name}=X"]) == [f"{prefix}{name}={MASK}"]
    assert redact_value(name, "X") == MASK


@pytest.mark.parametrize("option", HARMLESS_OPTIONS)
def test_the_value_of_a_harmless_option_stays(option):
    name = option.lstrip("-")
    given_arguments = ["t.py", option, "gpt2", f"{option}=64", f"{name}=loss", f"+a.{name}=0"]
    assert redact_arguments(given_arguments) == given_arguments
    assert redact_value(name, "64") == "64"


@pytest.mark.parametrize(
    ("argument", "masked"),
    [
        ('{"api_key": "X1", "lr": 0.1}', '{"api_key": "***", "lr": 0.1}'),
        ('--config={"db": {"password": "X1"}}', '--config={"db": {"password": "***"}}'),
        ('{\\"token\\": \\"X1\\"}', '{\\"token\\": \\"***\\"}'),
        ("lr=0.1,password=X1", "lr=0.1,password=***"),
        ("Authorization: Basic X1", "Authorization: ***"),
        ("X-Api-Key: X1", "X-Api-Key: ***"),
        ("WANDB_API_KEY=X1 python t.py", "WANDB_API_KEY=***"),
        ("--env=HF_TOKEN=X1", "--env=HF_TOKEN=***"),
        ("a=b=c:password=X1", "a=b=c:password=***"),
        ("https://TOKEN@host/x", "https://***@host/x"),
        ("--url=https://TOKEN@host/x", "--url=https://***@host/x"),
        ("postgresql://u:p@w@db:5432/x?sslmode=on", "postgresql://***@db:5432/x?sslmode=on"),
        ("user:pass@host.example.org:x.git", "***@host.example.org:x.git"),
        ("https://a@b,https://c@d", "https://***@b,https://***@d"),
        ("Server=x;Pwd=X1;Db=y", "Server=x;Pwd=***;Db=y"),
        ("DefaultEndpointsProtocol=https;AccountKey=X1==", "DefaultEndpointsProtocol=https;AccountKey=***"),
        ("Cookie: session=X1; other=X2", "Cookie: ***"),
    ],
)
def test_secrets_inside_of_an_argument(argument, masked):
    assert redact_arguments([argument]) == [masked]


def test_options_that_take_no_value_do_not_cost_the_next_argument():
    for arguments in (
        ["--no-password", "t.py"],
        ["--ask-pass", "host"],
        ["--token", "--lr", "0.1"],
        ["--auth", "-v", "x"],
    ):
        assert redact_arguments(arguments) == arguments
    assert redact_arguments(["--use-token", "true", "x"]) == ["--use-token", "true", "x"]
    assert redact_arguments(["--token=none"]) == ["--token=none"]
    assert redact_arguments(["--password", "-x1y2z3"]) == ["--password", MASK]


SERVICE_TOKENS = [
    "ASIAIOSFODNN7EXAMPLE", "gho_" + "a1B2" * 9, "glrt-" + "x" * 20, "xapp-1-A0-123-abc", "xoxp-123-abc-456",
    "sk-proj-" + "aB3_" * 10, "sk-ant-api03-" + "aB3-" * 20, "sk_test_" + "4eC39HqL" * 3, "sk_live_" + "4eC39HqL" * 3,
    "rk_live_" + "4eC39HqL" * 3, "SG." + "aB3-_" * 4 + "." + "xY9_-" * 8, "npm_" + "aB3" * 12,
    "pypi-AgEIcHlwaS5vcmc" + "x" * 30,
    "dop_v1_" + "0af9" * 16, "GOCSPX-" + "aB3-" * 7, "ya29." + "aB3-" * 10, "AIzaSy" + "b" * 33, "SK" + "0a1b" * 8,
    "abc8Q~" + "xY9._" * 7, "dapi" + "0af9" * 8, "hvs." + "aB3" * 10, "dckr_pat_" + "aB3-" * 7, "shpat_" + "0af9" * 8,
    "key-" + "0af9" * 8, "123456789:AA" + "aB3-_" * 7, "whsec_" + "aB3+" * 8, "lin_api_" + "aB3" * 13,
    "eyJhcGlfYWRkcmVzcyI6" + "aB3" * 12, "gsk_" + "aB3" * 17, "r8_" + "aB3" * 12, "xai-" + "aB3" * 26,
    "glsa_" + "aB3" * 10,
]  # fmt: skip


@pytest.mark.parametrize("secret", SERVICE_TOKENS)
@pytest.mark.parametrize("around", ["{}", "x={}", "--x={}", "https://h/?q={}&b=1", "({})", "a '{}'\nb"])
def test_tokens_of_services_never_stay(secret, around):
    text = around.format(secret)
    assert secret not in redact(text)
    assert secret not in "".join(redact_arguments([text]))


@pytest.mark.parametrize(
    "text",
    [
        "sk-learn-compatible-estimators", "task-based-scheduling-of-models", "https://medium.com/@ann/article",
        "https://host:8080/@scope/package", "python:3.11@sha256:0123", "mail ann@example.org: hello",
        "git@github.com:ann/x.git",
        "ssh://git@github.com/ann/x.git", "a@b", "key = 'train/loss'", "self.key = 'efficientnet_b0_ns_jft_in1k_320'",
        "for key in keys: print(key)", "data[key] = value", "d = {'key': 'value'}", "password = '${DB_PASSWORD}'",
        "token=$HF_TOKEN", "headers = {'Authorization': f'Bearer {token}'}", "PWD=/work/x", "@pytest.mark.parametrize",
        "hf_hub_download(repo_id='x/y')", "2 passed in 0.1s", "next_pass = 3", "AKIA", "-----BEGIN CERTIFICATE-----",
        "primary_key=True", "if '-----BEGIN PRIVATE KEY-----' in text:\n    return True",
    ],
)  # fmt: skip
def test_everyday_text_stays(text):
    assert redact(text) == text


def test_a_key_that_stands_alone_in_text_is_masked_if_its_value_looks_random():
    assert redact("wandb.key=0123456789abcdef0123456789abcdef01234567") == f"wandb.key={MASK}"
    assert redact("key: '550e8400-e29b-41d4-a716-446655440000'") == f"key: '{MASK}'"


@pytest.mark.parametrize("end", ["-----END RSA PRIVATE KEY-----", ""])
@pytest.mark.parametrize("sign", ["", "+", " "])
def test_private_keys_of_every_length(end, sign):
    lines = ["-----BEGIN RSA PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED", "", *["MIIEabcd" * 8] * 40, "aB3=", end]
    cleaned = redact("\n".join(sign + line for line in lines))
    assert "MIIE" not in cleaned
    assert "aB3=" not in cleaned
    assert cleaned.count("\n") == len(lines) - 1
    assert "Proc-Type" in cleaned


def test_a_private_key_across_pieces_is_masked():
    text = "-----BEGIN PRIVATE KEY-----\n" + ("MIIEabcd" * 8 + "\n") * 100 + "-----END PRIVATE KEY-----\nafter = 1\n"
    cleaned = redact_lines(text, piece_characters=100)
    assert "MIIE" not in cleaned
    assert cleaned.endswith("after = 1\n")
