"""How clients reach a broker that wants TLS and a login, and what they say when it refuses them."""

import re
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest
import structlog

from quadrupel.bootstrap import open_bus
from quadrupel.bus.kafka import KafkaBus
from quadrupel.config import Settings
from quadrupel.core.errors import BusUnavailable, SettingRefused
from quadrupel.core.ports import Consumer, Outgoing, Topic
from tests.certificates import self_signed

PASSWORD = "open, sesame"
DOOR = """
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=\\
  org.apache.kafka.common.security.plain.PlainLoginModule required user_quadrupel="{password}";
ssl.keystore.type=PEM
ssl.keystore.location={certificate}
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def door(kafka_script: ModuleType, certificate: Path) -> Iterator[str]:
    """The address of a broker at which clients need TLS and a login."""
    address = f"localhost:{kafka_script.free_port()}"

    class Guarded(kafka_script.Broker):  # type: ignore[name-defined, misc]
        def _configure(self) -> Path:
            path: Path = super()._configure()
            listens = r"^((?:advertised\.)?listeners=)"
            text = re.sub(
                listens, rf"\1SASL_SSL://{address},", path.read_text(), flags=re.MULTILINE
            )
            path.write_text(text + DOOR.format(password=PASSWORD, certificate=certificate))
            return path

    with Guarded():
        yield address


def client(certificate: Path, **others: str | None) -> dict[str, str]:
    """What leads through the door, with other settings; None: without that one."""
    settings: dict[str, str | None] = {
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(certificate),
        "sasl.mechanism": "PLAIN",
        "sasl.username": "quadrupel",
        "sasl.password": PASSWORD,
    }
    settings |= {name.replace("_", "."): value for name, value in others.items()}
    return {name: value for name, value in settings.items() if value is not None}


def read(consumer: Consumer) -> list[bytes]:
    """The values of the first messages that come, within some seconds."""
    for _ in range(50):
        if found := consumer.poll(10, timeout=0.2):
            return [message.value for message in found]
    return []


@pytest.mark.kafka
def test_a_broker_that_wants_tls_and_a_login_is_reached_by_every_kind_of_client(
    door: str, certificate: Path
) -> None:
    topic = f"test.{uuid.uuid4().hex}"
    settings = Settings(kafka_bootstrap=door, kafka_client=client(certificate))  # type: ignore[arg-type]
    with closing(open_bus(settings)) as bus:
        assert bus.admin().create([Topic(topic, 1)]) == [topic]
        with closing(bus.producer()) as producer, closing(bus.consumer(topic, topic)) as consumer:
            producer.publish([Outgoing(topic, b"key", b"value")])
            assert read(consumer) == [b"value"]
            consumer.commit()
        assert [message.value for message in bus.admin().browse(topic)] == [b"value"]
        assert bus.admin().progress(topic, topic).lag == 0


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("other", "says", "login_refused"),
    [
        ({"sasl_password": "geheim"}, "Invalid username or password", True),
        ({"ssl_ca_location": None}, "certificate verify failed", False),
        ({"security_protocol": "PLAINTEXT"}, "QUADRUPEL_KAFKA_CLIENT", False),
    ],
)
def test_who_is_turned_away_says_why_and_which_setting_to_look_at(
    door: str, certificate: Path, other: dict[str, str | None], says: str, login_refused: bool
) -> None:
    bus = KafkaBus(door, client=client(certificate, **other), timeout=2.0, session_timeout=1.5)
    with structlog.testing.capture_logs() as log:
        with pytest.raises(BusUnavailable, match=says) as by_admin:
            bus.admin().verify([])
        with closing(bus.producer()) as producer, pytest.raises(BusUnavailable, match=says):
            producer.publish([Outgoing("topic", b"key", b"value")])
        with (
            closing(bus.consumer("topic", "group")) as consumer,
            pytest.raises(BusUnavailable, match=says),
        ):
            read(consumer)
    assert "QUADRUPEL_KAFKA_CLIENT" in str(by_admin.value)
    assert by_admin.value.login_refused is login_refused
    assert "geheim" not in f"{by_admin.value} {log}"


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"ssl_nonsense": "1"}, 'No such configuration property: "ssl.nonsense"'),
        ({"security_protocol": "TLS"}, "security.protocol"),
        ({"sasl_mechanism": "MAGIC"}, "MAGIC"),
        ({"ssl_ca_location": "/nowhere/ca.pem"}, "ssl.ca.location failed"),
        ({"ssl_key_pem": "no key"}, "ssl.key.pem"),
    ],
)
def test_what_the_library_does_not_take_is_told_before_anything_connects(
    certificate: Path, other: dict[str, str | None], says: str
) -> None:
    with pytest.raises(SettingRefused, match="QUADRUPEL_KAFKA_CLIENT is wrong: ") as refused:
        KafkaBus("127.0.0.1:1", client=client(certificate, **other))
    assert says in str(refused.value)
    assert PASSWORD not in str(refused.value)


def test_a_login_is_in_no_text_of_the_settings(certificate: Path) -> None:
    settings = Settings(kafka_client=client(certificate))  # type: ignore[arg-type]
    assert PASSWORD not in f"{settings!r} {settings} {settings.model_dump_json()}"
