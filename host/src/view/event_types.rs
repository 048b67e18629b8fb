//! The event types as people read of them: which go to HubSpot, and which are coming.

/// One event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub name: &'static str,
    pub title: &'static str,
    pub words: &'static str,
    /// It can be chosen; the others are shown, taken in, and nothing is made of them yet.
    pub is_ready: bool,
}

/// All of them.
pub const TYPES: [Told; 3] = [
    Told {
        name: "lead.captured.v1",
        title: "Lead Captured",
        words: "A customer left a name, an address or a number in the chat widget.",
        is_ready: true,
    },
    Told {
        name: "carousel.clicked.v1",
        title: "Carousel Clicked",
        words: "A customer clicked on a vehicle in the widget's carousel.",
        is_ready: false,
    },
    Told {
        name: "session.initiated.v1",
        title: "Session Initiated",
        words: "A customer began to chat.",
        is_ready: false,
    },
];
