//! How a cycle ends: at a named point, at a random time, or in the middle of an orderly end.

use std::fmt;
use std::time::Duration;

use crate::args::Args;
use crate::random::Random;

/// A cycle whose point is not reached is ended after this.
pub(crate) const POINT_WAIT: Duration = Duration::from_millis(1_800);

/// What has to be true for a point to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Leads,
    /// A token that is about to expire.
    OldToken,
    /// The service is asked to end.
    Termination,
}

/// The points that the service has, the latest pass that a short cycle reaches surely, and what they need.
const POINTS: [(&str, u64, Needs); 17] = [
    ("CP1", 25, Needs::Leads),
    ("CP2", 25, Needs::Leads),
    ("CP3", 80, Needs::Leads),
    ("CP4", 4, Needs::Leads),
    ("CP5", 20, Needs::Leads),
    ("CP6", 60, Needs::Leads),
    ("CP7", 4, Needs::Leads),
    ("CP8", 4, Needs::Leads),
    ("CP9", 6, Needs::Leads),
    ("CP10", 6, Needs::Leads),
    ("CP11", 6, Needs::Leads),
    ("CP12", 6, Needs::Leads),
    ("CP13", 6, Needs::Leads),
    ("CP14", 4, Needs::Leads),
    ("CP16", 1, Needs::OldToken),
    ("CP17", 6, Needs::Leads),
    ("CP18", 1, Needs::Termination),
];

/// How a cycle ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The service dies by itself at this pass of a point; some points need it to be asked to end first.
    Point { name: &'static str, pass: u64, asked_to_end: Option<Duration> },
    /// It is killed after this time.
    Kill(Duration),
    /// It is asked to end, and is killed a moment later.
    Terminate { after: Duration, patience: Duration },
}

impl Ending {
    /// Half of the cycles end at points, unless the arguments want it otherwise.
    ///
    /// # Errors
    /// When the wanted point is not one that the service has.
    pub(crate) fn draw(args: &Args, random: &mut Random) -> anyhow::Result<Self> {
        let after = random.millis(200, 1_400);
        if let Some(wanted) = &args.point {
            let Some(&point) = POINTS.iter().find(|(name, ..)| name == wanted) else {
                let known = POINTS.map(|(name, ..)| name).join(", ");
                anyhow::bail!("there is no crash point `{wanted}` that a campaign reaches; there are {known}");
            };
            return Ok(Self::at(point, after, random));
        }
        Ok(match random.between(0, 9) {
            0..=4 if !args.only_random => Self::at(*random.one_of(&POINTS), after, random),
            5 => Self::Terminate { after, patience: random.millis(0, 40) },
            _ => Self::Kill(after),
        })
    }

    fn at((name, pass_max, needs): (&'static str, u64, Needs), after: Duration, random: &mut Random) -> Self {
        let asked_to_end = (needs == Needs::Termination).then_some(after);
        Self::Point { name, pass: random.between(1, pass_max), asked_to_end }
    }

    /// What the environment of the service says.
    pub(crate) fn crash_at(&self) -> Option<String> {
        match self {
            Self::Point { name, pass, .. } => Some(format!("{name}:{pass}")),
            Self::Kill(_) | Self::Terminate { .. } => None,
        }
    }

    /// How much time has to pass before the service starts, for the point to be reached.
    pub(crate) fn skips(&self) -> Option<Duration> {
        let Self::Point { name, .. } = self else { return None };
        let (.., needs) = POINTS.iter().find(|(known, ..)| known == name)?;
        // HubSpot's tokens live half an hour, and are refreshed some minutes before.
        (*needs == Needs::OldToken).then_some(Duration::from_secs(27 * 60))
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Point { name, pass, .. } => write!(f, "{name}, pass {pass}"),
            Self::Kill(after) => write!(f, "killed after {} ms", after.as_millis()),
            Self::Terminate { after, patience } => {
                write!(f, "asked to end after {} ms, killed {} ms later", after.as_millis(), patience.as_millis())
            }
        }
    }
}
