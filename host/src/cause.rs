//! Causes and reasons: one table of stable codes, with what happened and what to do. Page, CLI, API, logs and
//! metrics use the same, and `article` says the rest of what people are told of each.

mod article;
pub(crate) mod kind;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use article::Class;

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal, $fix:literal;)*) => {
        /// What a cause or a reason is called by programs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $title] $name),* }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// What happened, in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }

            /// What to do about it.
            pub fn fix(self) -> &'static str {
                match self { $(Self::$name => $fix),* }
            }
        }
    };
}

codes! {
    AccountNotConnected = "account.not_connected", "No HubSpot account is connected", "Connect HubSpot, then replay the leads you want.";
    EventNotSelected = "event.not_selected", "This event type is not selected", "Select the event type for the connection, then replay the events you want.";
    EventUnhandled = "event.unhandled", "Nothing handles this event type", "Nothing to do, unless a transformation for it is wanted.";
    IngestSchema = "ingest.schema", "The event does not fit its schema", "Correct the sender, or change the schema mode of the source.";
    TransformSkipped = "transform.skipped", "The transformation has nothing to send", "Nothing to do.";
    TransformRefused = "transform.refused", "The transformation refused the event", "Correct the settings or enable another version, then replay the event.";
    TransformTrap = "transform.trap", "The transformation crashed", "Enable another version; the event then runs by itself.";
    TransformPanic = "transform.panic", "The transformation panicked", "Enable another version; the event then runs by itself.";
    TransformStack = "transform.stack", "The transformation used up its stack", "Enable a version with less recursion; the event then runs by itself.";
    TransformFuel = "transform.fuel", "The transformation used up its fuel", "Enable a version that does less work; the event then runs by itself.";
    TransformTimeout = "transform.timeout", "The transformation took too long", "Enable a version that does less work; the event then runs by itself.";
    TransformMemory = "transform.memory", "The transformation asked for too much memory", "Enable a version that needs less memory; the event then runs by itself.";
    TransformLogFlood = "transform.log_flood", "The transformation logged without end", "Enable a version that logs less; the event then runs by itself.";
    TransformOutputTooLarge = "transform.output_too_large", "The transformation returned too much", "Enable a version that returns less; the event then runs by itself.";
    TransformOutputInvalid = "transform.output_invalid", "The transformation returned actions that break the contract", "Enable another version; the event then runs by itself.";
    TransformBreaker = "transform.breaker", "The transformation failed too often, and its events wait", "Enable another version or roll back; the events then run by themselves.";
    TransformRolledBack = "transform.rolled_back", "A version failed too often, and the one before is used again", "Correct the version and enable it again, or enable another one.";
    ConnectionPaused = "connection.paused", "The connection is paused", "Resume it; what waits then runs by itself.";
    ConnectionDisconnected = "connection.disconnected", "HubSpot is disconnected", "Connect HubSpot again; what waits then runs by itself, and skipped leads can be replayed.";
    AuthRevoked = "auth.revoked", "HubSpot no longer lets us in", "Reconnect HubSpot; what waits then runs by itself.";
    AuthMissingScope = "auth.missing_scope", "A permission is missing in HubSpot", "Re-authorize; an admin must agree to the permission.";
    AuthAppUninstalled = "auth.app_uninstalled", "The app was uninstalled in HubSpot, or the account is gone", "Connect HubSpot again; what waits then runs by itself.";
    AppConfig = "app.config", "HubSpot refuses the app's own credentials", "The operator checks client id, secret and redirect address; what waits then runs by itself.";
    AuthPermission = "auth.permission", "HubSpot does not allow this for the plan or the user", "Ask the HubSpot admin.";
    PropertyMissing = "property.missing", "A property is missing in HubSpot", "Create it in HubSpot.";
    PropertyReadOnly = "property.read_only", "HubSpot fills this property itself", "Choose another property in the settings.";
    PropertyWrongType = "property.wrong_type", "HubSpot refuses the value", "Correct the value, or change the property's type or rule in HubSpot.";
    PropertyRule = "property.rule", "A rule of HubSpot's admin refuses the value", "Correct the value, or change the rule in HubSpot.";
    PropertyArchived = "property.archived", "The property is archived in HubSpot", "Restore it in HubSpot, or let it be created again.";
    PropertyRequired = "property.required", "HubSpot requires a property that the lead does not have", "Give it a default in the settings, or make it optional in HubSpot.";
    PropertyNotUnique = "property.not_unique", "The key property does not hold unique values in HubSpot", "Choose or create another key property.";
    PropertyTaken = "property.taken", "Another record in HubSpot holds this value, which only one may hold", "Merge the two records in HubSpot, or correct the value.";
    OptionUnknown = "option.unknown", "The value is not an option of the property in HubSpot", "Add the option in HubSpot, or map the value in the settings.";
    PipelineMissing = "pipeline.missing", "The pipeline no longer exists in HubSpot", "Ask support to choose another pipeline; what waits then runs by itself.";
    StageMissing = "stage.missing", "The stage no longer exists in HubSpot", "Ask support to choose another stage; what waits then runs by itself.";
    OwnerUnknown = "owner.unknown", "The owner cannot be assigned in HubSpot", "Ask support to choose another owner.";
    EmailInvalid = "email.invalid", "HubSpot does not accept the e-mail address", "Correct it in HubSpot, or send the lead again with the right address.";
    ContactConflict = "contact.conflict", "Two contacts in HubSpot share the address", "Merge them in HubSpot, then replay the lead.";
    ContactErased = "contact.erased", "The shopper asked to be forgotten", "Nothing is sent for them any more. If that is a mistake, lift the suppression, and let the lead come again.";
    RecordGone = "record.gone", "The record was deleted in HubSpot while we wrote", "Replay the lead to create it again.";
    LeadPassed = "lead.passed", "A newer lead of the same person wrote this", "Nothing to do; the newer value stands.";
    LeadForReview = "lead.for_review", "The lead has no e-mail address, and waits for somebody to look at it", "Look at the lead, then send it on or call it off.";
    LeadCancelled = "lead.cancelled", "Somebody called the lead off", "Nothing to do; it can be replayed.";
    HubspotRefused = "hubspot.refused", "HubSpot refused the data", "Read HubSpot's own words below, mend it in HubSpot, then replay the lead.";
    HubspotUnreachable = "hubspot.unreachable", "HubSpot could not be reached", "Nothing to do; we try again.";
    HubspotServerError = "hubspot.server_error", "HubSpot had a problem", "Nothing to do; we try again.";
    HubspotRateLimited = "hubspot.rate_limited", "HubSpot asked us to slow down", "Nothing to do; leads go on by themselves.";
    HubspotMigrating = "hubspot.migrating", "HubSpot is moving this account to another data centre", "Nothing to do; leads go on by themselves.";
    HubspotLocked = "hubspot.locked", "HubSpot is busy with this record", "Nothing to do; we try again in seconds.";
    HubspotNoEffect = "hubspot.no_effect", "HubSpot said yes but stored nothing", "Nothing to do; we try again.";
    OurFault = "leadline.fault", "Something is wrong on our side", "Nothing to do; we are told.";
}

impl Code {
    /// Who can do something about it, by the first word of the code.
    pub fn who(self) -> &'static str {
        match self.as_str().split('.').next().unwrap_or_default() {
            "transform" if self == Self::TransformSkipped => "nobody has to",
            "transform" if self == Self::TransformRefused => {
                "whoever keeps the account's settings, or the transformation's author"
            }
            "transform" => "the author of the transformation",
            "ingest" => "whoever runs the sender",
            "auth" | "property" | "option" => "the dealership's HubSpot admin",
            "pipeline" | "stage" | "owner" => "support",
            "hubspot" if self == Self::HubspotRefused => "the dealership's HubSpot admin",
            "lead" if self == Self::LeadForReview => "the dealership",
            "hubspot" | "lead" => "nobody has to",
            "app" | "leadline" => "the operator of this service",
            _ => "the dealership",
        }
    }

    /// Where in HubSpot it is mended, as its menus call it; none where it is not mended there.
    pub fn hubspot_path(self) -> Option<&'static str> {
        Some(match self {
            Self::PropertyMissing
            | Self::PropertyReadOnly
            | Self::PropertyWrongType
            | Self::PropertyRule
            | Self::PropertyArchived
            | Self::PropertyNotUnique
            | Self::OptionUnknown => "Settings → Data Management → Properties",
            Self::PropertyRequired => "Settings → Objects → Contacts → Customize the 'Create Contact' form",
            Self::PipelineMissing | Self::StageMissing => "Settings → Objects → Deals → Pipelines",
            Self::OwnerUnknown | Self::AuthPermission => "Settings → Users & Teams",
            Self::AuthRevoked | Self::AuthMissingScope | Self::AuthAppUninstalled => {
                "Settings → Integrations → Connected Apps"
            }
            _ => return None,
        })
    }
}

impl utoipa::PartialSchema for Code {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        let codes = Self::ALL.iter().map(|code| code.as_str());
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("A cause or a reason, as programs know it."))
            .enum_values(Some(codes))
            .into()
    }
}

impl utoipa::ToSchema for Code {}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is no code of the table.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no known cause or reason")]
pub struct UnknownCode(String);

impl FromStr for Code {
    type Err = UnknownCode;
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let found = Self::ALL.iter().copied().find(|code| code.as_str() == text);
        found.ok_or_else(|| UnknownCode(text.to_owned()))
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One thing that went wrong, or was decided: the code, the thing it is about, and the words for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, utoipa::ToSchema)]
#[error("{detail}")]
#[schema(as = Cause)]
pub struct Problem {
    pub code: Code,
    /// What it is about, such as a property's name. Everything with the same code and subject is one issue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// A sentence that names the thing and the limit.
    pub detail: String,
    /// HubSpot's id of the answer, for its support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

impl Problem {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, subject: None, detail: detail.into(), correlation_id: None }
    }

    pub fn about(self, subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..self }
    }

    pub fn correlated(self, correlation_id: Option<String>) -> Self {
        Self { correlation_id, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_come_back_from_their_text() {
        for (index, code) in Code::ALL.iter().enumerate() {
            assert_eq!(code.as_str().parse::<Code>().unwrap(), *code);
            assert!(!Code::ALL[..index].iter().any(|earlier| earlier.as_str() == code.as_str()));
            assert!(code.fix().ends_with('.') && !code.title().ends_with('.'), "{code}");
            // Where nothing is to be done, nobody is told to do it, and the other way round.
            assert!(
                !code.fix().starts_with("Nothing to do;")
                    || ["nobody has to", "the operator of this service"].contains(&code.who()),
                "{code}"
            );
        }
    }
}
