"""What /openapi.json says of feedback."""

from http import HTTPStatus

from quadrupel.api.answer_documents import answer, problems
from quadrupel.api.feedback_bodies import MAX_FEEDBACK
from quadrupel.api.json_schema import Fields, object_, reference, text
from quadrupel.core.feedback import MAX_AGE, MAX_BANNER, MAX_EPISODE, Action

_FEEDBACK = {
    "banner": "driving_licence_expiring",
    "episode": "2026-12-20",
    "action": "dismissed",
}
"""Without `time`, since what is copied from here is sent on any day."""

_BEACON = {"access_token": "eyJ...", "feedback": [_FEEDBACK]}

_TAKEN = {"accepted": 1, "after": "AUo1j6GvJR7EAAAABAAAAAAAAeJA", "contains_event": True}

SCHEMAS: Fields = {
    "Feedback": object_(
        ["banner", "episode", "action"],
        {
            "banner": text("the rule of the banner", minLength=1, maxLength=MAX_BANNER),
            "episode": text("its episode", minLength=1, maxLength=MAX_EPISODE),
            "action": {"enum": [action.value for action in Action]},
            "time": {
                "type": ["string", "null"],
                "format": "date-time",
                "description": f"when it was done, {MAX_AGE.days} days ago at most, with an offset;"
                " without it, now",
            },
        },
        description="One thing that the citizen did with a banner. Other members are left out.",
        examples=[_FEEDBACK],
    ),
    "FeedbackList": {
        "anyOf": [
            reference("Feedback"),
            {"type": "array", "items": reference("Feedback"), "maxItems": MAX_FEEDBACK},
        ]
    },
    "FeedbackBeacon": object_(
        ["feedback"],
        {
            "access_token": {
                "type": ["string", "null"],
                "description": "the citizen's token, if no header has it",
            },
            "feedback": reference("FeedbackList"),
        },
        description="For pages that can set no headers.",
        examples=[_BEACON],
    ),
    "FeedbackTaken": object_(
        ["accepted", "after", "contains_event"],
        {
            "accepted": {
                "type": "integer",
                "minimum": 0,
                "description": "how many pieces were taken, repeated ones too",
            },
            "after": text("a token for reading banners that contain the feedback"),
            "contains_event": {
                "type": "boolean",
                "description": "whether the banners are known to contain it already",
            },
        },
        examples=[_TAKEN],
    ),
}

_BODY = {"schema": {"anyOf": [reference("FeedbackList"), reference("FeedbackBeacon")]}}

_LINKS: Fields = {
    "banners": {
        "operationId": "my_banners_v1_me_banners_get",
        "parameters": {"after": "$response.body#/after"},
        "description": "The banners that contain the feedback.",
    }
}

FEEDBACK: Fields = {
    "summary": "Tell what the citizen did with banners",
    "description": (
        "Answered when all of it is durable; if one part is bad, none is taken. What is told again"
        " changes nothing: with the banner of an episode each action counts once a day. A dismissed"
        " banner is gone from the next read: the answer waits for that, a second at most, and"
        " `contains_event` says whether it is so. Each piece counts as one request.\n\n"
        "`navigator.sendBeacon` sets no headers: send the token as `access_token` in the body, as"
        " `text/plain`. Then nothing is waited for."
    ),
    "status_code": HTTPStatus.ACCEPTED,
    "responses": {
        202: answer("All of it is durable.", "FeedbackTaken", _TAKEN, links=_LINKS),
        **problems(400, 401, 408, 413, 415, 422, 500, 503),
    },
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    **_BODY,
                    "examples": {"one": {"value": _FEEDBACK}, "several": {"value": [_FEEDBACK]}},
                },
                "text/plain": {**_BODY, "examples": {"beacon": {"value": _BEACON}}},
            },
        }
    },
}
