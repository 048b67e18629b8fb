//! Leadline turns chat-widget leads into CRM records. This file is only a map, in reading order:
//! the edges, the flow, what it uses, the decisions, the model. Imports point downward only.

pub mod alerts;
pub mod app;
pub mod cli;
pub mod config;
pub mod examples;
pub mod help;
pub mod http;
pub mod mapping;
pub mod overview;
pub mod post;
pub mod serve;
pub mod telemetry;
pub mod view;
pub mod wish;

pub mod access;
pub mod account;
pub mod choice;
pub mod clock;
pub mod connection;
pub mod deliver;
pub mod dry_run;
pub mod housekeeping;
pub mod ingest;
pub mod issue;
pub mod live;
pub mod load;
pub mod operate;
pub mod privacy;
pub mod process;
pub mod quota;
pub mod replay;
pub mod rerun;
pub mod rollout;
pub mod shadow;
pub mod stock;
pub mod test_lead;
pub mod trial;
pub mod upload;
pub mod usage;
pub mod wake;
pub mod workbench;
pub mod worker;

pub mod hubspot;
pub mod mail;
pub mod store;
pub mod transform;
pub mod webhook;

pub mod answer;
pub mod breaker;
pub mod budget;
pub mod cause;
pub mod comparison;
pub mod diff;
pub mod digest;
pub(crate) mod files;
pub mod fit;
pub mod form;
pub mod gates;
pub mod hours;
pub mod lane;
pub mod letter;
pub mod payload;
pub mod picture;
pub mod plan;
pub mod rate;
pub mod redact;
pub mod retry;
pub mod route;
pub mod samples;
pub mod schema;
pub mod seal;
pub mod signature;
pub mod subject;
pub mod suspect;
pub mod text;
pub mod watch;
pub mod words;

pub mod contract;
pub mod model;

pub mod crash;
