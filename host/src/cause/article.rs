//! What else people are told of a cause: what becomes of a lead that meets it, and how it comes about.

use super::Code;

/// What becomes of a lead that meets a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    Retried,
    Rests,
    Waits,
    LeftOut,
    Fails,
    Skipped,
    CalledOff,
    Removed,
    Noted,
}

impl Class {
    pub const ALL: [Self; 9] = [
        Self::Retried,
        Self::Rests,
        Self::Waits,
        Self::LeftOut,
        Self::Fails,
        Self::Skipped,
        Self::CalledOff,
        Self::Removed,
        Self::Noted,
    ];

    /// In a word or two.
    pub fn title(self) -> &'static str {
        match self {
            Self::Retried => "tried again",
            Self::Rests => "rests",
            Self::Waits => "waits",
            Self::LeftOut => "left out",
            Self::Fails => "fails",
            Self::Skipped => "skipped",
            Self::CalledOff => "called off",
            Self::Removed => "removed",
            Self::Noted => "noted",
        }
    }

    /// In whole sentences.
    pub fn words(self) -> &'static str {
        match self {
            Self::Retried => "The lead is tried again by the timetable, for three days at most.",
            Self::Rests => "Every lead of the connection waits for a moment and then goes on. No attempt is spent.",
            Self::Waits => {
                "The lead waits, however long it takes, and spends no attempt. When the cause is gone it goes on by itself."
            }
            Self::LeftOut => {
                "The value is left out and named on the lead; everything else is written. A strict connection sends no \
                 such lead, and where the value recognises the record it cannot be left out: the lead then waits, or \
                 fails if only another value could help."
            }
            Self::Fails => "The lead is not tried again by itself. A replay sends it once more.",
            Self::Removed => "Nothing is sent, and what the lead said is removed.",
            Self::Skipped => "Nothing is sent. The event is kept, and can be replayed.",
            Self::CalledOff => "Nothing more is sent, and what is in HubSpot by then stays there. It can be replayed.",
            Self::Noted => "No lead waits for it.",
        }
    }
}

impl Code {
    /// What becomes of a lead that meets it.
    pub fn class(self) -> Class {
        match self {
            Self::AccountNotConnected | Self::EventNotSelected | Self::EventUnhandled | Self::TransformSkipped => {
                Class::Skipped
            }
            Self::LeadCancelled => Class::CalledOff,
            Self::ContactErased => Class::Removed,
            Self::TransformRefused | Self::HubspotRefused | Self::ContactConflict | Self::RecordGone => Class::Fails,
            Self::IngestSchema
            | Self::TransformTrap
            | Self::TransformPanic
            | Self::TransformStack
            | Self::TransformFuel
            | Self::TransformTimeout
            | Self::TransformMemory
            | Self::TransformLogFlood
            | Self::TransformOutputTooLarge
            | Self::TransformOutputInvalid
            | Self::TransformBreaker
            | Self::ConnectionPaused
            | Self::ConnectionDisconnected
            | Self::AuthRevoked
            | Self::AuthMissingScope
            | Self::AuthAppUninstalled
            | Self::AuthPermission
            | Self::PropertyRequired
            | Self::PropertyNotUnique
            | Self::PipelineMissing
            | Self::StageMissing
            | Self::LeadForReview => Class::Waits,
            Self::PropertyMissing
            | Self::PropertyReadOnly
            | Self::PropertyWrongType
            | Self::PropertyRule
            | Self::PropertyArchived
            | Self::PropertyTaken
            | Self::OptionUnknown
            | Self::OwnerUnknown
            | Self::EmailInvalid
            | Self::LeadPassed => Class::LeftOut,
            Self::HubspotUnreachable
            | Self::HubspotServerError
            | Self::HubspotLocked
            | Self::HubspotNoEffect
            | Self::OurFault => Class::Retried,
            Self::HubspotRateLimited | Self::HubspotMigrating | Self::AppConfig => Class::Rests,
            Self::TransformRolledBack => Class::Noted,
        }
    }

    /// How it comes about, for somebody who meets it for the first time.
    pub fn about(self) -> &'static str {
        match self {
            Self::AccountNotConnected => {
                "An event came while no HubSpot account was connected. It was taken in and stored, and there was nowhere to send it to."
            }
            Self::EventNotSelected => {
                "Each connection chooses which types of events go to HubSpot. This one came while its type was switched off."
            }
            Self::EventUnhandled => "The type is selected, but the transformation in use takes no events of this type.",
            Self::IngestSchema => {
                "The source asks for events of this type to be checked, and what came breaks the schema: a field is missing, or holds something of another kind."
            }
            Self::TransformSkipped => {
                "The transformation looked at the event and decided that there is nothing to send, such as for a visitor who left neither name nor address nor number. Its own reason stands with the lead."
            }
            Self::TransformRefused => {
                "The transformation cannot work with this event under these settings, and says why. The sentence in quotes is its own."
            }
            Self::ContactErased => {
                "Somebody asked that this person be forgotten, or never be written to. What was known of them is removed, and whatever brings them back, such as a new form, a retry or a replay, ends here without a call to HubSpot."
            }
            Self::TransformTrap => {
                "The program that decides what a lead means for HubSpot stopped with an error. It ran in a sandbox, so nothing else was touched."
            }
            Self::TransformPanic => {
                "The transformation gave up with a message of its own, which stands with the lead: something was not as its author expected."
            }
            Self::TransformStack => "The transformation called itself too deeply. Most often a recursion does not end.",
            Self::TransformFuel => {
                "A run may do a certain amount of work and no more, so that no program holds up the others. This one used all of it; most often a loop does not end."
            }
            Self::TransformTimeout => {
                "A run may take a certain time and no more. This one was stopped, was given a second try, and was stopped again."
            }
            Self::TransformMemory => "A run may use a certain amount of memory and no more. This one asked for more.",
            Self::TransformLogFlood => "A run may log a certain number of lines and no more. This one went on and on.",
            Self::TransformOutputTooLarge => "What a run returns has a largest size. This one returned more.",
            Self::TransformOutputInvalid => {
                "What the transformation returned is not allowed by the contract, such as a note about a record that it did not name."
            }
            Self::TransformBreaker => {
                "Of the last runs too many failed, and there is no version before that could be used instead. So the version no longer runs, and what comes waits for another one."
            }
            Self::TransformRolledBack => {
                "A version that was enabled not long ago failed in too many of its runs. It was taken back by itself, and what it had held runs again with the version before."
            }
            Self::ConnectionPaused => "Somebody paused the connection. Leads are taken in and wait.",
            Self::ConnectionDisconnected => {
                "Somebody disconnected HubSpot. Leads that came before wait if that was chosen; those that come now are skipped."
            }
            Self::AuthRevoked => {
                "Somebody in HubSpot withdrew the permission, or the user who gave it left. A token that merely expired is renewed without anybody noticing; this is not that."
            }
            Self::AuthMissingScope => {
                "HubSpot was connected without a permission that is needed by now, or an admin took it away. Only what needs it waits."
            }
            Self::AuthAppUninstalled => "The app was removed under Connected Apps, or the HubSpot account was closed.",
            Self::AppConfig => {
                "HubSpot refuses the app itself, not the dealership. Nobody is disconnected, and no dealership can do anything about it."
            }
            Self::AuthPermission => {
                "The permission is there, but the plan of the HubSpot account or the user who connected it does not allow this. It is tried once a day."
            }
            Self::PropertyMissing => {
                "HubSpot refuses a whole record for one property that it does not have. So the value is left out, the lead goes through, and an issue says which property is missing."
            }
            Self::PropertyReadOnly => {
                "The settings name a property that HubSpot fills by itself and lets nobody write."
            }
            Self::PropertyWrongType => "The property takes another kind of value, such as a number where a text came.",
            Self::PropertyRule => {
                "An admin gave the property a rule, such as a largest length or a pattern, and the value breaks it."
            }
            Self::PropertyArchived => {
                "The property was deleted in HubSpot, which keeps it in an archive for some time. To HubSpot it is as good as missing."
            }
            Self::PropertyRequired => {
                "An admin made a property obligatory for new records, and the lead has nothing for it. HubSpot then refuses the record. As HubSpot shows nobody when that changes, it is tried once a day."
            }
            Self::PropertyNotUnique => {
                "Leads without an e-mail address, and deals, are recognised by a property that holds each value only once. The one that is named allows a value twice, and HubSpot cannot change that later."
            }
            Self::PropertyTaken => "Two records of HubSpot may not share this value, and another one has it.",
            Self::OptionUnknown => {
                "The property is a list in HubSpot, and what the lead says is none of its options. Differences in upper and lower case are mended by themselves; this is another word."
            }
            Self::PipelineMissing => {
                "The settings name a pipeline that somebody deleted in HubSpot. Support keeps these settings. The deal waits; contact and note do not."
            }
            Self::StageMissing => {
                "The settings name a stage that somebody deleted in HubSpot. Support keeps these settings. The deal waits; contact and note do not."
            }
            Self::OwnerUnknown => {
                "The settings name a user who left, or who may not own records. Support keeps these settings. The record is written without an owner."
            }
            Self::EmailInvalid => {
                "The address looks like one, but HubSpot does not take it. It stands in the note as it was typed, and the contact is recognised by its lead."
            }
            Self::ContactConflict => "HubSpot has the address on two contacts and does not say which one is meant.",
            Self::RecordGone => "Somebody deleted the record in HubSpot in the moment in which it was written.",
            Self::LeadPassed => {
                "While this lead waited, a newer lead of the same person wrote this property. What is newer stays."
            }
            Self::LeadForReview => {
                "The account looks at leads without an e-mail address before they are sent: without one HubSpot cannot tell whether it knows the person, and may get a second contact of the same one. The lead is sent on by `Send on` on its page, and all of them by switching that off under Connectors."
            }
            Self::LeadCancelled => {
                "The lead waited, for its next attempt or for a cause, and somebody decided that nothing more of it is to be sent. What was in HubSpot by then is still there."
            }
            Self::HubspotRefused => {
                "HubSpot does not take the record, for a reason that it gives in words of its own only. They stand with the lead, with the id under which HubSpot's support finds them."
            }
            Self::HubspotUnreachable => "No answer came from HubSpot, or none that was one.",
            Self::HubspotServerError => "HubSpot answered that something is wrong on its side.",
            Self::HubspotRateLimited => {
                "A HubSpot account may be asked so many times in ten seconds and in a day, by everything that is connected to it. That limit was used up."
            }
            Self::HubspotMigrating => {
                "HubSpot moves the account between data centres and serves nobody for it meanwhile."
            }
            Self::HubspotLocked => "Somebody else writes the same record in this moment.",
            Self::HubspotNoEffect => {
                "HubSpot answered that all is well, and showed no record. It is written again, which makes no second one."
            }
            Self::OurFault => "A mistake of ours, not of the dealership and not of HubSpot. It is in our log.",
        }
    }

    /// The screen of the dashboard on which it is mended, by its guide; none where it is not mended here.
    pub fn screen(self) -> Option<&'static str> {
        Some(match self {
            Self::AccountNotConnected
            | Self::AuthRevoked
            | Self::AuthMissingScope
            | Self::AuthAppUninstalled
            | Self::ConnectionPaused
            | Self::ConnectionDisconnected
            | Self::LeadForReview => "connectors",
            Self::EventNotSelected => "event-types",
            Self::PropertyMissing | Self::PropertyArchived | Self::OptionUnknown => "fields",
            Self::PipelineMissing | Self::StageMissing | Self::OwnerUnknown => "transformation",
            Self::TransformSkipped => return None,
            _ if self.as_str().starts_with("transform.") => "transformation",
            Self::HubspotRefused | Self::ContactConflict | Self::RecordGone => "replays",
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_says_how_it_comes_about_and_what_becomes_of_the_lead() {
        for code in Code::ALL {
            assert!(code.about().ends_with('.') && code.class().words().ends_with('.'), "{code}");
            // What comes by itself asks nothing of anybody.
            let by_itself = matches!(code.class(), Class::Retried | Class::Rests);
            assert!(!by_itself || code.fix().starts_with("Nothing to do;") || *code == Code::AppConfig, "{code}");
        }
        for class in Class::ALL {
            assert!(Code::ALL.iter().any(|code| code.class() == class), "nothing {}", class.title());
        }
    }
}
