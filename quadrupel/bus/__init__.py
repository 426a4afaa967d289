"""The bus: durable partitioned topics between the stages, on Kafka or on Postgres."""
