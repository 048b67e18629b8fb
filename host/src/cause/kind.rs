//! The kinds of problems that are answered to requests: what all of one kind have in common, and what their articles say.

use axum::http::StatusCode;

/// What all problems of one kind have in common.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) status: StatusCode,
    /// For programs; it stays the same.
    pub(crate) code: &'static str,
    pub(crate) title: &'static str,
    /// What to do, where the problem itself says nothing closer.
    pub(crate) fix: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $status:ident, $code:literal, $title:literal, $fix:literal;)*) => {
        $(pub(crate) const $name: Kind =
            Kind { status: StatusCode::$status, code: $code, title: $title, fix: $fix };)*

        /// Every kind, in the order of the table.
        pub(crate) const ALL: &[Kind] = &[$($name),*];
    };
}

kinds! {
    BAD_REQUEST = BAD_REQUEST, "bad_request", "The request is not understood", "Correct what the detail names.";
    NO_TOKEN = UNAUTHORIZED, "unauthorized", "Nobody is known by this request", "Send the header `Authorization: Bearer KEY`; `leadline access key create` makes a key.";
    NOT_ALLOWED = FORBIDDEN, "not_allowed", "Not allowed", "Ask somebody who has it.";
    READ_ONLY = SERVICE_UNAVAILABLE, "read_only", "Nothing can be changed for now", "Nothing was done. Try it again later; leads are received and delivered meanwhile.";
    STRAY = FORBIDDEN, "stray", "This did not come from a page of ours", "Load the page again, and try once more.";
    NOT_FOUND = NOT_FOUND, "not_found", "Nothing is here", "Look at the id.";
    NO_METHOD = METHOD_NOT_ALLOWED, "method_not_allowed", "Wrong method", "Send events with POST.";
    CONFLICT = CONFLICT, "conflict", "Not as things stand", "Change what the detail names, then try once more.";
    CHANGED = PRECONDITION_FAILED, "changed", "It changed meanwhile", "Look at it as it is by now, then try once more.";
    KEY_REUSED = UNPROCESSABLE_ENTITY, "key_reused", "The key was used before", "Make a new key for each thing that is to be done, and repeat it with the same body only.";
    TOO_MANY = TOO_MANY_REQUESTS, "too_many_requests", "Too many requests", "Send it again later, and ask for longer pages.";
    TOO_MANY_STREAMS = TOO_MANY_REQUESTS, "too_many_streams", "Too many streams", "Close one that nobody reads, or open it again later.";
    MALFORMED = BAD_REQUEST, "ingest.malformed", "The signature headers are malformed", "Sign as Standard Webhooks says.";
    UNREADABLE = BAD_REQUEST, "ingest.malformed", "The body could not be read", "Send it again.";
    NOT_JSON = BAD_REQUEST, "ingest.not_json", "The body is not an event", "Send {\"type\", \"timestamp\", \"data\"} as JSON.";
    NOT_AN_EVENT = BAD_REQUEST, "ingest.not_an_event", "The body is not an event", "Send {\"type\", \"timestamp\", \"data\"} as JSON.";
    FORGED = UNAUTHORIZED, "ingest.forged", "The signature is wrong", "Check the address and the signing secret of the source.";
    STALE = UNAUTHORIZED, "ingest.stale", "The request is out of time", "Set the clock of the sending machine, and sign each try anew.";
    TOO_SLOW = REQUEST_TIMEOUT, "ingest.too_slow", "The body came too slowly", "Send it again, at once.";
    ID_REUSED = CONFLICT, "ingest.id_reused", "The id was used before", "Give each event an id of its own, and repeat one with the same body.";
    TOO_LARGE = PAYLOAD_TOO_LARGE, "ingest.too_large", "The body is too large", "Send a shorter conversation, or split it.";
    SCHEMA = UNPROCESSABLE_ENTITY, "ingest.schema", "The data does not fit its schema", "Correct the places that are listed.";
    OVER_RATE = TOO_MANY_REQUESTS, "ingest.over_rate", "More than the source may send", "Send it again later; nothing was stored. The operator may allow more.";
    TOO_FAST = TOO_MANY_REQUESTS, "ingest.too_fast", "Too fast", "Send fewer at once; nothing was stored.";
    BUSY = SERVICE_UNAVAILABLE, "ingest.busy", "Not now", "Send it again; nothing was stored.";
    STORE_DOWN = SERVICE_UNAVAILABLE, "ingest.store_down", "Not now", "Send it again; nothing was stored.";
    NO_ROOM = SERVICE_UNAVAILABLE, "ingest.no_room", "Not now", "Send it again; nothing was stored.";
}

/// What is common to all refusals of an upload; each has a code of its own that begins so.
pub(crate) const UPLOAD: &str = "upload.";
pub(crate) const NOT_UPLOADED: &str = "The upload makes no version";
