//! The few colours of the pictures, each with a pattern of its own: nobody has to tell states apart by colour alone.

/// What a mark says by its colour and its pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    Synced,
    /// Synced, though something was left out.
    Warned,
    Waiting,
    Failed,
    Skipped,
    /// What the picture is about, where that is no state.
    Accent,
    /// What stands beside it.
    Soft,
}

impl Tone {
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Synced | Self::Warned => "p-synced",
            Self::Waiting => "p-waiting",
            Self::Failed => "p-failed",
            Self::Skipped => "p-skipped",
            Self::Accent => "p-accent",
            Self::Soft => "p-soft",
        }
    }

    /// The same for a line.
    pub(super) fn stroke(self) -> &'static str {
        match self {
            Self::Synced | Self::Warned => "p-line p-line-synced",
            Self::Waiting => "p-line p-line-waiting",
            Self::Failed => "p-line p-line-failed",
            Self::Skipped => "p-line p-line-skipped",
            Self::Accent => "p-line p-line-accent",
            Self::Soft => "p-line p-line-soft",
        }
    }

    /// What is drawn over the colour, and the name of both; none where the area is plain.
    fn grain(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Synced | Self::Accent | Self::Soft => None,
            Self::Warned => Some(("warned", "M0 1.5H6")),
            Self::Waiting => Some(("waiting", "M-1 1L1 -1M-1 7L7 -1M5 7L7 5")),
            Self::Failed => Some(("failed", "M0 0L6 6M6 0L0 6")),
            Self::Skipped => Some(("skipped", "M1 1h1.2v1.2h-1.2zM4 4h1.2v1.2h-1.2z")),
        }
    }

    /// Whether a text can be read on it.
    pub(super) fn is_plain(self) -> bool {
        self.grain().is_none()
    }

    /// The attribute that fills an area with it.
    pub(super) fn fill(self, ids: &str) -> String {
        match self.grain() {
            None => format!(r#" class="{}""#, self.class()),
            Some((name, _)) => format!(r#" fill="url(#{ids}-{name})""#),
        }
    }

    /// The pattern that such an area refers to.
    pub(super) fn pattern(self, ids: &str) -> Option<String> {
        let (name, path) = self.grain()?;
        let colour = self.class();
        Some(format!(
            concat!(
                r#"<pattern id="{}-{}" width="6" height="6" patternUnits="userSpaceOnUse">"#,
                r#"<rect width="6" height="6" class="{}"/><path d="{}" class="p-grain"/></pattern>"#
            ),
            ids, name, colour, path
        ))
    }
}
