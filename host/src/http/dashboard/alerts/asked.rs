//! A rule of the alerts as a form says it.

use std::collections::BTreeMap;

use crate::alerts::Wish;
use crate::model::access::Actor;
use crate::model::alert::{AlertRule, Channel, Day, Opening, Quiet, Watch};

/// A rule as a form says it.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    fields: BTreeMap<String, String>,
    days: Vec<Day>,
}

impl Asked {
    pub(super) fn of(pairs: Vec<(String, String)>) -> Self {
        let day = |word: &str| Day::ALL.into_iter().find(|day| crate::model::word(day) == word);
        let days = pairs.iter().filter(|(name, _)| name == "days").filter_map(|(_, value)| day(value)).collect();
        Self { fields: pairs.into_iter().filter(|(name, _)| name != "days").collect(), days }
    }

    /// A new rule, with the numbers that suit most; told to whoever asks, if he has an address.
    pub(super) fn new(actor: &Actor) -> Self {
        let mut asked = Self::from_watches(&Watch::ALL);
        asked.put("for", "lead_waits");
        asked.put("by", "mail");
        if actor.name.contains('@') {
            asked.put("to", &actor.name);
        }
        asked
    }

    /// A rule as it is.
    pub(super) fn of_rule(rule: &AlertRule) -> Self {
        let mut asked = Self::from_watches(&Watch::ALL);
        asked.take(&rule.watches);
        asked.put("for", rule.watches.word());
        match &rule.channel {
            Channel::Mail { to } => {
                asked.put("by", "mail");
                asked.put("to", &to.join(", "));
            }
            Channel::Webhook { url } => {
                asked.put("by", "webhook");
                asked.put("url", url);
            }
        }
        if let Some(quiet) = &rule.quiet {
            asked.put("quiet_from", &quiet.from.to_string());
            asked.put("quiet_until", &quiet.until.to_string());
        }
        asked
    }

    fn from_watches(watches: &[Watch]) -> Self {
        let mut asked = Self::default();
        watches.iter().for_each(|watch| asked.take(watch));
        asked
    }

    fn take(&mut self, watch: &Watch) {
        match watch {
            Watch::LeadWaits { minutes } => self.put("minutes", &minutes.to_string()),
            Watch::Failures { percent } => self.put("percent", &percent.to_string()),
            Watch::Silence { hours, open } => {
                self.put("hours", &hours.to_string());
                self.put("open_from", &open.from.to_string());
                self.put("open_until", &open.until.to_string());
                self.days = open.days.to_vec();
            }
            Watch::Reconnect | Watch::Failed | Watch::Issue | Watch::RolledBack | Watch::Weekly => {}
        }
    }

    pub(super) fn put(&mut self, name: &str, value: &str) {
        self.fields.insert(name.to_owned(), value.to_owned());
    }

    /// What stands in a field.
    pub(super) fn get(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.trim())
    }

    pub(super) fn has_day(&self, day: &Day) -> bool {
        self.days.contains(day)
    }

    fn number(&self, name: &str, what: &str) -> Result<u32, String> {
        let text = self.get(name);
        text.parse().map_err(|_| format!("`{text}` is no number of {what}"))
    }

    fn clock(&self, name: &str) -> Result<crate::model::alert::Clock, String> {
        self.get(name).parse().map_err(|error: crate::model::alert::ClockError| error.to_string())
    }

    pub(super) fn wish(&self) -> Result<Wish, String> {
        let watches = match self.get("for") {
            "lead_waits" => Watch::LeadWaits { minutes: self.number("minutes", "minutes")? },
            "failures" => Watch::Failures { percent: self.number("percent", "percent")? },
            "silence" => {
                let open = Opening {
                    from: self.clock("open_from")?,
                    until: self.clock("open_until")?,
                    days: self.days.clone().into(),
                };
                Watch::Silence { hours: self.number("hours", "hours")?, open }
            }
            word => {
                let plain = Watch::ALL.into_iter().find(|watch| watch.word() == word);
                plain.ok_or_else(|| "choose what you want to be told of".to_owned())?
            }
        };
        let channel = match self.get("by") {
            "webhook" => Channel::Webhook { url: self.get("url").to_owned() },
            _ => Channel::Mail { to: addresses(self.get("to")) },
        };
        let quiet = match (self.get("quiet_from"), self.get("quiet_until")) {
            ("", "") => None,
            _ => Some(Quiet { from: self.clock("quiet_from")?, until: self.clock("quiet_until")? }),
        };
        Ok(Wish { watches, channel, quiet })
    }
}

/// Addresses that somebody typed one after the other.
pub(super) fn addresses(text: &str) -> Vec<String> {
    let parts = text.split([',', ';', ' ', '\n', '\r']).map(str::trim);
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_a_rule_and_a_rule_fills_its_form() {
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let asked = Asked::of(pairs(&[
            ("for", "silence"),
            ("hours", "3"),
            ("open_from", "08:00"),
            ("open_until", "17:30"),
            ("days", "mon"),
            ("days", "sat"),
            ("by", "mail"),
            ("to", "maya@example.com, \n tom@example.com;"),
            ("quiet_from", "20:00"),
            ("quiet_until", "07:00"),
        ]));
        let wish = asked.wish().unwrap();
        assert_eq!(wish.watches.to_string(), "No lead for 3 hours, Mon, Sat 08:00–17:30");
        assert_eq!(wish.channel.to_string(), "mail to maya@example.com, tom@example.com");
        assert_eq!(wish.quiet.unwrap().to_string(), "20:00–07:00");
        for (name, value, says) in [
            ("hours", "many", "`many` is no number of hours"),
            ("open_from", "early", "`early` is no time of the day, such as 08:30"),
            ("quiet_until", "", "`` is no time of the day, such as 08:30"),
            ("for", "", "choose what you want to be told of"),
        ] {
            let mut wrong = asked.clone();
            wrong.put(name, value);
            assert_eq!(wrong.wish().unwrap_err(), says);
        }
    }
}
