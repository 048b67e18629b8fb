//! The last lines of the log of this process, in memory: what stderr got, for whoever cannot look there. It is lost when the
//! process ends.

use std::collections::VecDeque;
use std::fmt::{Debug, Write as _};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::model::time::{Timestamp, machine_clock};
use crate::text::cut;

/// Lines that are kept: half a megabyte at most.
pub const LINES_KEPT: usize = 500;
/// Of one line.
const LINE_CHARS_MAX: usize = 1_000;

/// The lines of this process. The log is one for the whole process, and so are they.
static LINES: Mutex<VecDeque<Line>> = Mutex::new(VecDeque::new());

/// How much a line matters.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize, clap::ValueEnum, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[schema(as = LineLevel)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Level {
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// As the log writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
        }
    }
}

impl From<tracing::Level> for Level {
    fn from(level: tracing::Level) -> Self {
        match level {
            tracing::Level::ERROR => Self::Error,
            tracing::Level::WARN => Self::Warn,
            tracing::Level::INFO => Self::Info,
            tracing::Level::DEBUG => Self::Debug,
            tracing::Level::TRACE => Self::Trace,
        }
    }
}

/// One line of the log. Like all of it, it names ids and codes, and neither a person nor a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = LogLine)]
pub struct Line {
    pub at: Timestamp,
    pub level: Level,
    /// The part of the program that says it.
    pub target: String,
    /// The sentence, and its fields.
    pub text: String,
}

/// The last lines that matter at least so much, the newest first.
pub fn last(least: Level, limit: usize) -> Vec<Line> {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    lines.iter().rev().filter(|line| line.level <= least).take(limit).cloned().collect()
}

fn keep(line: Line) {
    let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    if lines.len() == LINES_KEPT {
        lines.pop_front();
    }
    lines.push_back(line);
}

/// Keeps each line that the filter of the log lets through.
#[derive(Debug)]
pub struct Keeping;

impl<S: Subscriber> Layer<S> for Keeping {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut words = Words::default();
        event.record(&mut words);
        let metadata = event.metadata();
        let text = cut(format!("{}{}", words.sentence, words.fields).trim(), LINE_CHARS_MAX);
        let level = Level::from(*metadata.level());
        keep(Line { at: machine_clock(), level, target: metadata.target().to_owned(), text });
    }
}

#[derive(Default)]
struct Words {
    sentence: String,
    /// Each with a blank in front.
    fields: String,
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let written = match field.name() {
            "message" => write!(self.sentence, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
        written.expect("a String takes everything");
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn the_last_lines_are_kept_with_their_fields_and_no_more_than_there_is_room_for() {
        let subscriber = tracing_subscriber::registry().with(Keeping);
        let _listens = tracing::subscriber::set_default(subscriber);
        (0..LINES_KEPT + 7).for_each(|number| tracing::info!("line {number}"));
        tracing::warn!(lane.id = %"con_1", attempt.number = 3, "lane {} is no longer ours", "con_1");
        let texts = |lines: Vec<Line>| lines.into_iter().map(|line| line.text).collect::<Vec<_>>();
        assert_eq!(
            texts(last(Level::Info, 2)),
            ["lane con_1 is no longer ours lane.id=con_1 attempt.number=3", &format!("line {}", LINES_KEPT + 6)]
        );
        let all = last(Level::Trace, usize::MAX);
        assert_eq!((all.len(), all[0].level, all[0].target.as_str()), (LINES_KEPT, Level::Warn, module_path!()));
        assert_eq!(texts(last(Level::Warn, 9)).len(), 1);
        tracing::error!("{}", "x".repeat(2 * LINE_CHARS_MAX));
        assert!(last(Level::Error, 1)[0].text.chars().count() <= LINE_CHARS_MAX + 1);
    }
}
