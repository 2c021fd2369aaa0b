//! `convoy cost prices`: the prices of models.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use convoy_engine::clock;
use convoy_engine::prices::{self, Listed, RatesView};
use serde::Serialize;

use super::super::context::Context;
use crate::error::{DONE, Error};
use crate::text;

/// See and change what models cost
///
/// Prices come with Convoy. Those in '.convoy/prices.toml' go before them, and after those the ones in
/// 'prices.toml' beside the user's configuration. What was priced once keeps its price.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Prices {
    List(List),
    Update(Update),
}

/// List the prices that hold now, for a million tokens
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  convoy cost prices list sonnet\n  convoy cost prices list 'gpt-5*' --json"
)]
pub(in crate::cli) struct List {
    /// Only models with this in their names, or with '*' at its end, whose names begin so
    pattern: Option<String>,
}

/// Take prices of a file into this workspace's table
///
/// The file is a table as '.convoy/prices.toml' has it, in TOML or JSON, or the one that LiteLLM publishes. It is
/// checked first; prices of other models stay. Nothing is fetched.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  convoy cost prices update model_prices_and_context_window.json --only claude- --only gpt-"
)]
pub(in crate::cli) struct Update {
    /// The file
    file: PathBuf,
    /// Only models whose names begin so; may be repeated
    #[arg(long, value_name = "BEGINNING")]
    only: Vec<String>,
}

/// What an update came to, for scripts.
#[derive(Serialize)]
struct UpdatedView {
    path: String,
    added: usize,
    changed: usize,
    same: usize,
    skipped: usize,
    total: usize,
}

impl Prices {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        match self {
            Self::List(command) => list(ctx, command.pattern.as_deref()),
            Self::Update(command) => update(ctx, &command),
        }
    }
}

fn list(ctx: &mut Context, pattern: Option<&str>) -> Result<u8, Error> {
    let listed = prices::list(&ctx.workspace()?, &ctx.env, pattern, clock::now())?;
    ctx.out.json(&listed)?;
    if listed.is_empty() {
        let told = match pattern {
            Some(pattern) => {
                format!("No table has a price of {}: what it uses is unpriced.\n", text::line(pattern))
            }
            None => "No table has a price.\n".to_owned(),
        };
        ctx.out.say(&told)?;
        return Ok(DONE);
    }
    let heads = [
        "MODEL",
        "PROVIDER",
        "INPUT",
        "OUTPUT",
        "CACHE READ",
        "WRITE 5m",
        "WRITE 1h",
        "LONG IN/OUT",
        "PRICE",
    ];
    let heads = heads.map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> = std::iter::once(heads).chain(listed.iter().map(row)).collect();
    ctx.out.say(&text::table(&rows))?;
    Ok(DONE)
}

fn row(one: &Listed) -> Vec<String> {
    let RatesView { input, output, cache_read, cache_write, cache_write_1h } = &one.per_million;
    let figures = [input, output, cache_read, cache_write, cache_write_1h].map(text::money);
    let long = one.per_million_long.as_ref();
    let long = long.map(|long| format!("{}/{}", text::money(&long.input), text::money(&long.output)));
    let provider = one.provider.as_deref().unwrap_or("-");
    let names = [text::title(&one.model), text::line(provider).into_owned()];
    let rest = [long.unwrap_or_else(|| "-".to_owned()), text::line(&one.source).into_owned()];
    names.into_iter().chain(figures).chain(rest).collect()
}

fn update(ctx: &mut Context, command: &Update) -> Result<u8, Error> {
    let done = prices::update(&ctx.workspace()?, &command.file, &command.only)?;
    let path = done.path.display().to_string();
    let (added, changed, same, skipped, total) =
        (done.added, done.changed, done.same, done.skipped, done.total);
    ctx.out.json(&UpdatedView { path: path.clone(), added, changed, same, skipped, total })?;
    let path = text::line(&path);
    let passed = if skipped > 0 {
        format!("; {skipped} without a price of text were passed over")
    } else {
        String::new()
    };
    let told = if added + changed == 0 {
        format!("{path}: nothing changed, {same} as before; it has {total}{passed}.\n")
    } else {
        format!("{path}: {added} added, {changed} changed, {same} as before; it has {total} now{passed}.\n")
    };
    ctx.out.say(&told)?;
    Ok(DONE)
}
