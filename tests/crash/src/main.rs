//! `leadline-crash`: kills the service again and again, and checks that nothing is lost and nothing is there twice.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use leadline_crash::args::Args;
use leadline_crash::campaign::{self, Report};

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let mut out = std::io::stdout();
    let ended = tokio::select! {
        ended = campaign::run(&args, &mut out) => ended,
        // The service is a child of this process, and ends with the campaign.
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    let ended = ended.and_then(|report| {
        tell(&report, &mut std::io::stdout())?;
        Ok(report)
    });
    match ended {
        Ok(report) if report.violations.is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            writeln!(std::io::stderr(), "error: {error:#}").ok();
            ExitCode::from(2)
        }
    }
}

fn tell(report: &Report, out: &mut dyn std::io::Write) -> std::io::Result<()> {
    let Report { seed, cycles, sent, acknowledged, calls, points, violations } = report;
    let reached: Vec<_> =
        points.iter().map(|(name, (armed, reached))| format!("{name} {reached} of {armed}")).collect();
    if !reached.is_empty() {
        writeln!(out, "died at its point: {}", reached.join(", "))?;
    }
    let verdict = match violations.len() {
        0 => "every promise was kept".to_owned(),
        count => format!("{count} times a promise was broken"),
    };
    writeln!(
        out,
        "seed {seed}: {cycles} cycles, {sent} leads sent, {acknowledged} acknowledged, {calls} calls to HubSpot; {verdict}"
    )
}
