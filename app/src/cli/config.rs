//! `convoy config`.

use clap::Subcommand;
use convoy_engine::background;
use convoy_engine::config::{self, Config, KEYS, Sources};
use serde::Serialize;

use super::context::Context;
use crate::error::{DONE, Error};
use crate::text;

/// See and change the configuration
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Show every value that holds
    Show {
        /// Show every key with its default instead
        #[arg(long)]
        defaults: bool,
    },
    /// Print one value
    Get {
        /// The key, such as defaults.max_parallel
        #[arg(id = "config_key", value_name = "KEY")]
        key: String,
    },
    /// Write one value into the workspace's file
    Set {
        /// The key, such as defaults.max_parallel
        #[arg(id = "config_key", value_name = "KEY")]
        key: String,
        /// The value, as TOML; plain text needs no quotes
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Say where values come from
    Explain {
        /// The key; all if none is named
        #[arg(id = "config_key", value_name = "KEY")]
        key: Option<String>,
    },
}

/// A value with its origin, for scripts.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct EntryView {
    key: String,
    value: Option<serde_json::Value>,
    origin: String,
    variable: Option<String>,
    doc: Option<String>,
}

impl ConfigCommand {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let workspace = ctx.workspace()?;
        if let Self::Set { key, value } = &self {
            let changed = Config::set(&workspace, &ctx.env, key, value)?;
            let taken_up = background::reload(&workspace)?;
            ctx.out.json(&serde_json::json!({ "key": key, "value": value, "changed": changed }))?;
            let next = match (changed, taken_up) {
                (false, _) => "\nIt was so already; nothing changed.\n",
                (true, true) if key == "workdirs.root" => {
                    "\nThe engine that runs takes it up when it is started again: convoy down, convoy up\n"
                }
                (true, true) => "\nThe engine that runs has taken it up.\n",
                (true, false) => "",
            };
            ctx.out.say(&format!("{} = {}\n{next}", text::line(key), text::line(value)))?;
            return Ok(DONE);
        }
        let config = Config::load(&workspace, &ctx.env, &Sources::default())?;
        match self {
            Self::Show { defaults: true } => defaults(ctx),
            Self::Show { defaults: false } => list(ctx, &config, None, false),
            Self::Explain { key } => list(ctx, &config, key.as_deref(), true),
            Self::Get { key } => get(ctx, &config, &key),
            Self::Set { .. } => Ok(DONE),
        }
    }
}

fn no_such(key: &str) -> Error {
    Error { status: 3, kind: "not_found", ..Error::refused(format!("{key} is not set")) }
        .hint("see every key: convoy config show --defaults")
}

fn defaults(ctx: &mut Context) -> Result<u8, Error> {
    let views: Vec<EntryView> = KEYS.iter().map(default_view).collect();
    ctx.out.json(&views)?;
    let mut said = String::new();
    for key in KEYS {
        said.push_str(&format!("# {}\n{} = {}\n\n", key.doc, key.path, key.default.unwrap_or("(none)")));
    }
    ctx.out.say(said.trim_end_matches('\n'))?;
    ctx.out.say("\n")?;
    Ok(DONE)
}

fn default_view(key: &config::Key) -> EntryView {
    let value = key.default.and_then(|text| config::value(text).ok());
    EntryView {
        key: key.path.to_owned(),
        value: value.and_then(|value| serde_json::to_value(value).ok()),
        origin: "default".to_owned(),
        variable: (!key.path.contains('*')).then(|| Config::variable(key.path)),
        doc: Some(key.doc.to_owned()),
    }
}

pub(super) fn view(entry: &config::Entry) -> EntryView {
    let known = KEYS.iter().find(|key| key.path == entry.key);
    EntryView {
        key: entry.key.clone(),
        value: serde_json::to_value(&entry.value).ok(),
        origin: entry.origin.to_string(),
        variable: known.map(|key| Config::variable(key.path)),
        doc: known.map(|key| key.doc.to_owned()),
    }
}

fn list(ctx: &mut Context, config: &Config, key: Option<&str>, origins: bool) -> Result<u8, Error> {
    let below = key.map(|key| format!("{key}."));
    let wanted = |entry: &&config::Entry| {
        key.is_none_or(|key| entry.key == key)
            || below.as_ref().is_some_and(|below| entry.key.starts_with(below))
    };
    let entries: Vec<&config::Entry> = config.entries().filter(wanted).collect();
    if let (Some(key), true) = (key, entries.is_empty()) {
        return Err(no_such(key));
    }
    let views: Vec<EntryView> = entries.iter().map(|entry| view(entry)).collect();
    ctx.out.json(&views)?;
    let mut rows = Vec::new();
    for entry in entries {
        let value = text::cut(&entry.value.to_string(), 60);
        let mut row = vec![text::line(&entry.key).into_owned(), value];
        if origins {
            row.push(text::line(&entry.origin.to_string()).into_owned());
        }
        rows.push(row);
    }
    ctx.out.say(&text::table(&rows))?;
    Ok(DONE)
}

fn get(ctx: &mut Context, config: &Config, key: &str) -> Result<u8, Error> {
    let entry = config.entry(key).ok_or_else(|| no_such(key))?;
    ctx.out.json(&view(entry))?;
    if !ctx.out.json {
        let plain = entry.value.as_str().map_or_else(|| entry.value.to_string(), str::to_owned);
        ctx.out.raw(&format!("{}\n", text::block(&plain)))?;
    }
    Ok(DONE)
}
