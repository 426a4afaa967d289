"""What Quadrupel remembers of a citizen: no more than the rules need, and no names or addresses.

One assignment per attribute: its type, what it is, and the events that feed it. The file is read,
never executed; docs/reference/profile.md says how, and `quadrupel profile check` what is wrong.
"""

# The person

birth_date = Date(
    "The day of birth",
    latest("citizen.registered", "birth_date"),
)
sex = Text(
    "The sex in the register",
    latest("citizen.registered", "sex"),
    values=["female", "male"],
)
registered_at = DateTime(
    "When the citizen first came to the portal",
    first_time("citizen.registered"),
)
name_changed = Date(
    "The day the name was last changed, at a marriage for example",
    latest("name.changed", "changed"),
)

# Where the person lives

residence_region = Text(
    "The region of residence, as its two-digit code",
    latest("citizen.registered", "region"),
    latest("residence.registered", "region"),
)
residence_since = Date(
    "The first day at the present residence",
    latest("residence.registered", "since"),
)
utilities_owed = Decimal(
    "What is owed for housing and utilities, in roubles",
    sum("utilities.charged", "amount"),
    subtract("utilities.paid", "amount"),
)
utilities_due = Date(
    "The day by which the last charge for utilities is to be paid",
    latest("utilities.charged", "due"),
)
subsidy_until = Date(
    "The last day for which a subsidy for housing and utilities is granted",
    latest("subsidy.granted", "until"),
    clear("subsidy.stopped"),
)
meter_verification_due = Date(
    "The day by which a meter at home is to be verified or replaced",
    latest("meter.verified", "due"),
    latest("meter.replaced", "due"),
)
property_bought = Date(
    "The day on which the citizen became the owner of the present home",
    latest("property.registered", "registered"),
    clear("property.sold"),
)

# Documents

passport_issued = Date(
    "The day the domestic passport was issued",
    latest("document.issued", "issued", where={"kind": "passport"}),
    clear("document.revoked", where={"kind": "passport"}),
)
foreign_passport_expires = Date(
    "The day the passport for travel abroad runs out",
    latest("document.issued", "expires", where={"kind": "foreign_passport"}),
    clear("document.revoked", where={"kind": "foreign_passport"}),
)
residence_permit_expires = Date(
    "The day the residence permit runs out",
    latest("document.issued", "expires", where={"kind": "residence_permit"}),
    clear("document.revoked", where={"kind": "residence_permit"}),
)
document_ready_since = Date(
    "The day from which a document lies at an office and waits to be collected",
    latest("document.ready", "since"),
    clear("document.collected"),
)

# Transport

driving_licence_issued = Date(
    "The day the driving licence was issued",
    latest("document.issued", "issued", where={"kind": "driving_licence"}),
    clear("document.revoked", where={"kind": "driving_licence"}),
)
driving_licence_expires = Date(
    "The day the driving licence runs out",
    latest("document.issued", "expires", where={"kind": "driving_licence"}),
    clear("document.revoked", where={"kind": "driving_licence"}),
)
insurance_certificate_issued = Date(
    "The day the motor insurance certificate was issued",
    latest("document.issued", "issued", where={"kind": "insurance_certificate"}),
    clear("document.revoked", where={"kind": "insurance_certificate"}),
)
insurance_certificate_expires = Date(
    "The day the motor insurance certificate runs out",
    latest("document.issued", "expires", where={"kind": "insurance_certificate"}),
    clear("document.revoked", where={"kind": "insurance_certificate"}),
)
vehicle_bought = Date(
    "The day a vehicle was bought that is not registered yet",
    latest("vehicle.bought", "bought"),
    clear("vehicle.registered"),
    clear("vehicle.sold"),
)
vehicle_inspection_due = Date(
    "The day by which the vehicle is to be inspected again",
    latest("vehicle.registered", "inspection_due"),
    latest("vehicle.inspected", "inspection_due"),
    clear("vehicle.sold"),
)

# Family

children = Integer(
    "How many children are registered",
    count("child.registered"),
)
youngest_child_born = Date(
    "The day of birth of the child that was registered last",
    latest("child.registered", "birth_date"),
)

kindergarten_offer_until = Date(
    "The last day on which an offered place at a kindergarten can be accepted",
    latest("kindergarten.offered", "until"),
    clear("kindergarten.accepted"),
)

# Education and health

studies_until = Date(
    "The day on which studies at a college or university end",
    latest("studies.started", "until"),
    clear("studies.interrupted"),
)
disability_until = Date(
    "The last day for which a disability is certified",
    latest("disability.certified", "until"),
    clear("disability.ended"),
)

# Taxes, fines and courts

fines_owed = Decimal(
    "Traffic fines that are not settled, in roubles without any discount",
    sum("fine.issued", "amount"),
    subtract("fine.paid", "amount"),
)
fine_discount_until = Date(
    "The last day on which the latest fine can be settled with a discount",
    latest("fine.issued", "discount_until"),
)
fine_due = Date(
    "The day by which the latest fine is to be paid",
    latest("fine.issued", "due"),
)
recent_fines = WindowedCount(
    "How many traffic fines there were in the last 365 days",
    count("fine.issued"),
    days=365,
)
taxes_owed = Decimal(
    "Taxes that are assessed and not paid, in roubles",
    sum("tax.assessed", "amount"),
    subtract("tax.paid", "amount"),
)
tax_due = Date(
    "The day by which the latest tax is to be paid",
    latest("tax.assessed", "due"),
)
enforcement_opened = Date(
    "The day the bailiffs began to collect a debt",
    latest("enforcement.opened", "opened"),
    clear("enforcement.closed"),
)
enforcement_owed = Decimal(
    "What the bailiffs are to collect, in roubles",
    sum("enforcement.opened", "amount"),
    subtract("enforcement.paid", "amount"),
)
court_hearing_on = Date(
    "The day of the next hearing to which a court has summoned the citizen",
    latest("court.summoned", "day"),
    clear("court.case_closed"),
)

# Work, pension and business

employed = Boolean(
    "Whether the citizen has a job",
    set("employment.started", True),
    set("employment.ended", False),
)
employment_ended = Date(
    "The last day of the last job, while there is no other",
    latest("employment.ended", "ended"),
    clear("employment.started"),
)
pension_granted = Date(
    "The day from which an old-age pension is paid",
    latest("pension.granted", "since"),
)
self_employed_since = Date(
    "The day from which the citizen is registered as self-employed",
    latest("self_employment.started", "since"),
    clear("self_employment.ended"),
)
business_registered = Date(
    "The day the citizen was registered as an individual entrepreneur",
    latest("business.registered", "registered"),
    clear("business.closed"),
)
business_report_due = Date(
    "The day by which the next report of the business is to be filed",
    latest("report.requested", "due"),
    clear("report.filed"),
)

# What the citizen did on the portal

orders = Statistics(
    "Services ordered, by service, with what was paid",
    statistics("service.ordered", key="service", sum="price"),
)
completed = Statistics(
    "Services completed, by service",
    statistics("service.completed", key="service"),
)
banners = Statistics(
    "What the citizen did with banners, by rule, each at most once a day",
    statistics("banner.seen", key="banner", name="seen"),
    statistics("banner.clicked", key="banner", name="clicked"),
    statistics("banner.dismissed", key="banner", name="dismissed"),
)
appointment_on = Date(
    "The day of the next appointment at a public office",
    latest("appointment.booked", "day"),
    clear("appointment.cancelled"),
)
