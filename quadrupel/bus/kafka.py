"""The bus on Apache Kafka: what production and every scale-out uses.

What is durable, and when: see `kafka_producer`. Which members of a group own which partitions is
Kafka's own group protocol: see `kafka_consumer`.
"""

from collections.abc import Mapping

from .kafka_admin import KafkaAdmin
from .kafka_client import Cluster
from .kafka_consumer import KafkaConsumer
from .kafka_member import Timeouts
from .kafka_producer import KafkaProducer


class KafkaBus:
    """The bus on a Kafka cluster.

    `client` are further librdkafka settings (TLS, SASL); `replication` is that of topics created
    here. Times are in seconds: `timeout` is how long a publish or a question to the cluster waits,
    `session_timeout` how long a member may be silent (killed, frozen) before its partitions go to
    others, and `poll_timeout`, not the shorter one, how long it may work between two calls.

    Raises SettingRefused when librdkafka does not take `client`.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        client: Mapping[str, str] | None = None,
        replication: int = 1,
        timeout: float = 30.0,
        session_timeout: float = 30.0,
        poll_timeout: float = 120.0,
    ) -> None:
        self._cluster = Cluster(bootstrap, timeout, client or {})
        self._cluster.check()
        self._replication = replication
        self._timeouts = Timeouts(session_timeout, poll_timeout)

    def producer(self) -> KafkaProducer:
        """See `Bus.producer`."""
        return KafkaProducer(self._cluster)

    def consumer(self, topic: str, group: str) -> KafkaConsumer:
        """See `Bus.consumer`."""
        return KafkaConsumer(self._cluster, topic, group, self._timeouts)

    def admin(self) -> KafkaAdmin:
        """See `Bus.admin`."""
        return KafkaAdmin(self._cluster, self._replication)

    def close(self) -> None:
        """See `Bus.close`; the bus itself holds nothing."""
