"""A document is ready and waits at an office; after three months it is destroyed."""

owner = "portal"
tags = ["documents", "appointments"]
banner = Banner(
    placement="mobile",
    priority=87,
    link="/documents/ready",
    title={
        "en": "Your document is ready to be collected",
        "ru": "Ваш документ готов, его можно забрать",
    },
    text={
        "en": "It has been waiting since {document_ready_since}. Bring your passport.",
        "ru": "Он ждёт вас с {document_ready_since} Возьмите с собой паспорт.",
    },
)
email = Email(template="document_ready")
once_per = "document_ready_since"


def matches(user, today):
    ready = user.document_ready_since
    return ready <= today < ready + months(3)


examples = [
    match(today="2026-11-23", document_ready_since="2026-11-23"),
    match(today="2026-11-23", document_ready_since="2026-08-24"),
    no_match(today="2026-11-23", document_ready_since="2026-08-23"),
    no_match(today="2026-11-23", document_ready_since="2026-11-24"),
    unknown(today="2026-11-23"),
]
