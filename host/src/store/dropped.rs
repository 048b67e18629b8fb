//! Values that records went without, for as long as they may still be filled in.

use serde::Serialize;

use super::{Query, Result, Rows, Settlement, Store, causes, changes, hours, json, parse, query, sql};
use crate::cause::{Code, Problem};
use crate::fit::{drop_subject, may_fit_later};
use crate::model::account::Connection;
use crate::model::delivery::Progress;
use crate::model::id::DeliveryId;
use crate::model::lane::Lease;
use crate::model::portal::CONTACT;
use crate::model::time::Timestamp;
use crate::plan::object_type;

/// A value that a record went without.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct DroppedValue {
    pub object_type: String,
    pub record_id: String,
    pub property: String,
    /// What the transformation calls it: the lead went by another name where the connection said so.
    #[serde(skip)]
    pub planned: String,
    /// The portal's property that takes it by now, where that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written_to: Option<String>,
    pub value: String,
    pub delivery_id: DeliveryId,
}

impl DroppedValue {
    /// The property that takes it.
    pub fn target(&self) -> &str {
        self.written_to.as_deref().unwrap_or(&self.property)
    }
}

/// Records that went without a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = LackingRecords)]
pub struct Lacking {
    pub contacts: i64,
    /// Deals, companies and objects of the account's own.
    pub others: i64,
}

impl Lacking {
    pub fn any(self) -> bool {
        self.contacts + self.others > 0
    }
}

#[derive(Serialize)]
struct Row<'a> {
    account: &'a str,
    connection: &'a str,
    object: &'a str,
    record: &'a str,
    property: &'a str,
    delivery: &'a str,
    code: Code,
    subject: String,
}

/// Remembers what the deliveries of a round went without, and opens its issues.
pub(super) fn keep(lease: &Lease, round: &Settlement<'_>, now: Timestamp) -> Vec<Query> {
    let mut kept = Vec::new();
    let mut problems: Vec<Problem> = Vec::new();
    for (claimed, outcome) in round.claimed.iter().zip(round.outcomes) {
        for dropped in &outcome.progress.dropped {
            let Some(code) = dropped.code.filter(|code| may_fit_later(*code)) else { continue };
            let subject = drop_subject(code, &dropped.field, &dropped.value);
            for (action, progress) in claimed.plan.actions.iter().zip(&outcome.progress.actions) {
                let wanted = action.properties().iter().any(|property| property.name == dropped.field);
                let Some(record) = progress.record.as_ref().filter(|_| wanted) else { continue };
                kept.push(Row {
                    account: lease.account_id.as_str(),
                    connection: &lease.lane_id,
                    object: object_type(action),
                    record: &record.id,
                    property: &dropped.field,
                    delivery: claimed.id.as_str(),
                    code,
                    subject: subject.clone(),
                });
                if !problems.iter().any(|known| known.code == code && known.subject.as_ref() == Some(&subject)) {
                    problems.push(Problem::new(code, dropped.reason.clone()).about(&subject));
                }
            }
        }
    }
    if kept.is_empty() {
        return Vec::new();
    }
    let keep = query(sql!(
        "INSERT INTO dropped (account_id, connection_id, object_type, record_id, property, delivery_id, code, subject, at)
         SELECT j.account, j.connection, j.object, j.record, j.property, j.delivery, j.code, j.subject, $2 FROM "
        rows("$1"; account text, connection text, object text, record text, property text, delivery text, code text, subject text)
        " AS j WHERE true ON CONFLICT DO NOTHING"
    ));
    vec![keep.bind(Rows::of(&kept)).bind(now.0), causes::open(&lease.account_id, &problems, now)]
}

impl Store {
    /// The dropped values of up to `limit` records after a record, by object type and id; of one record and property
    /// the oldest first. Only of deliveries that are finished: the others may still bring their values themselves.
    pub async fn dropped_values(
        &self,
        connection: &Connection,
        property: Option<&str>,
        after: (&str, &str),
        limit: usize,
    ) -> Result<Vec<DroppedValue>> {
        let rows: Vec<(String, String, String, String, String)> = query(sql!(
            "SELECT x.object_type, x.record_id, x.property, x.delivery_id, d.outcome FROM dropped AS x
             JOIN deliveries AS d ON d.account_id = x.account_id AND d.id = x.delivery_id
             JOIN (SELECT DISTINCT r.object_type AS o, r.record_id AS i FROM dropped AS r
                   JOIN deliveries AS e ON e.account_id = r.account_id AND e.id = r.delivery_id
                   WHERE r.account_id = $1 AND r.connection_id = $2 AND (r.object_type, r.record_id) > ($3, $4)
                     AND ($5 IS NULL OR r.property = $5) AND e.state NOT IN ('pending', 'blocked')
                   ORDER BY 1, 2 LIMIT $6) AS p ON p.o = x.object_type AND p.i = x.record_id
             WHERE x.account_id = $1 AND x.connection_id = $2 AND ($5 IS NULL OR x.property = $5)
               AND d.state NOT IN ('pending', 'blocked')
             ORDER BY x.object_type, x.record_id, x.property, x.delivery_id"
        ))
        .bind(connection.account_id.as_str())
        .bind(connection.id.as_str())
        .bind(after.0)
        .bind(after.1)
        .bind(property)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.db)
        .await?;
        let value =
            |(object_type, record_id, property, delivery, outcome): (String, String, String, String, String)| {
                let progress: Progress = parse(&outcome)?;
                let planned = progress.planned(&record_id, &property).to_owned();
                let dropped = progress.dropped.into_iter().find(|dropped| dropped.field == property);
                // Without an entry the value was filled in, and only the row is left.
                let value = dropped.map_or_else(String::new, |dropped| dropped.value);
                let delivery_id = DeliveryId::stored(delivery);
                let written_to = None;
                Ok(DroppedValue { object_type, record_id, property, planned, written_to, value, delivery_id })
            };
        rows.into_iter().map(value).collect()
    }

    /// How many records there are for [`Self::dropped_values`] behind a record.
    pub async fn lacking(
        &self,
        connection: &Connection,
        property: Option<&str>,
        after: (&str, &str),
    ) -> Result<Lacking> {
        let (contacts, all) = query(sql!(
            "SELECT coalesce(sum(CASE WHEN x.object_type = $6 THEN 1 ELSE 0 END), 0), count(*) FROM
             (SELECT DISTINCT r.object_type, r.record_id FROM dropped AS r
              JOIN deliveries AS d ON d.account_id = r.account_id AND d.id = r.delivery_id
              WHERE r.account_id = $1 AND r.connection_id = $2 AND (r.object_type, r.record_id) > ($3, $4)
                AND ($5 IS NULL OR r.property = $5) AND d.state NOT IN ('pending', 'blocked')) AS x"
        ))
        .bind(connection.account_id.as_str())
        .bind(connection.id.as_str())
        .bind(after.0)
        .bind(after.1)
        .bind(property)
        .bind(CONTACT)
        .fetch_one::<(i64, i64)>(&self.db)
        .await?;
        Ok(Lacking { contacts, others: all - contacts })
    }

    /// How many leads of a connection went without a value that may still be filled in.
    pub async fn dropped_leads(&self, connection: &Connection) -> Result<i64> {
        query(sql!("SELECT count(DISTINCT delivery_id) FROM dropped WHERE account_id = $1 AND connection_id = $2"))
            .bind(connection.account_id.as_str())
            .bind(connection.id.as_str())
            .fetch_one(&self.db)
            .await
    }

    /// Takes in that values were filled in, says so in the receipts of their leads, and forgets these and `done`, for
    /// which nothing is left to do.
    pub async fn fill_in(
        &self,
        connection: &Connection,
        (filled, done): (&[DroppedValue], &[DroppedValue]),
        now: Timestamp,
    ) -> Result<()> {
        let account = connection.account_id.to_string();
        let gone: Vec<_> = filled.iter().chain(done).collect();
        let forget = query(sql!(
            "DELETE FROM dropped WHERE account_id = $1 AND connection_id = $2 AND (object_type, record_id, property, delivery_id) IN
             (SELECT j.object_type, j.record_id, j.property, j.delivery_id
              FROM " rows("$3"; object_type text, record_id text, property text, delivery_id text) " AS j)"
        ));
        let forget = forget.bind(&account).bind(connection.id.as_str()).bind(Rows::of(&gone));
        let filled = filled.to_vec();
        // What was told of these leads changes, however young they are.
        let marked = filled.iter().map(|value| serde_json::json!({ "account": account, "item": value.delivery_id }));
        let marked = Rows::of(&marked.collect::<Vec<_>>());
        let marks = hours::changed_by(&marked, Timestamp::NEVER).into_iter().chain([changes::of_items(&marked, now)]);
        let fill = self.db.write(move |tx| {
            Box::pin(async move {
                for value in filled {
                    let delivery = value.delivery_id.as_str();
                    let outcome = query(sql!("SELECT outcome FROM deliveries WHERE account_id = $1 AND id = $2"));
                    let outcome = outcome.bind(&account).bind(delivery).fetch_optional::<String>(&mut *tx).await?;
                    let Some(outcome) = outcome else { continue };
                    let mut progress: Progress = parse(&outcome)?;
                    progress.fill(&value.property, (&value.record_id, value.target()));
                    let update = query(sql!("UPDATE deliveries SET outcome = $3 WHERE account_id = $1 AND id = $2"));
                    update.bind(&account).bind(delivery).bind(json(&progress)).execute(&mut *tx).await?;
                }
                forget.execute(&mut *tx).await?;
                for mark in marks {
                    mark.execute(&mut *tx).await?;
                }
                Ok(())
            })
        });
        fill.await
    }
}
