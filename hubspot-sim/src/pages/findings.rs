//! The findings of one portal.

use serde_json::json;

use super::table;
use crate::finding::Finding;
use crate::html::escape;
use crate::portal::PortalState;

pub(super) fn findings(portal: &PortalState) -> String {
    let findings = portal.findings.list(portal.id);
    if findings.is_empty() {
        return "<p class=\"empty\">None: every call did what a good integration does.</p>".to_owned();
    }
    let row = |finding: &Finding| {
        let kind = json!(finding.kind).as_str().unwrap_or_default().replace('_', " ");
        vec![
            finding.call.to_string(),
            escape(&kind),
            escape(finding.record.as_deref().unwrap_or("")),
            escape(&finding.text),
        ]
    };
    table(&["Call", "Kind", "Record", "What"], &findings.iter().map(row).collect::<Vec<_>>())
}
