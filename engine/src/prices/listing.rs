//! Which prices hold now, for people.

use std::collections::BTreeSet;

use convoy_api::{Code, Failure};
use convoy_core::issue::MoneyView;
use convoy_core::money::Money;
use convoy_core::time::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::book::{files, read};
use super::bundled;
use super::rates::Rates;
use super::table::{Row, Wrong};
use crate::os::spawn::Environment;
use crate::workspace::Workspace;

/// The providers that are listed when nothing else is asked for: those of the agents that are built in.
const PROVIDERS: [&str; 3] = ["anthropic", "openai", "google"];

/// What a model costs now.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/costs.md")]
pub struct Listed {
    /// A name, or with `*` the beginning of names.
    pub model: String,
    pub provider: Option<String>,
    /// The version that is recorded with what is priced by it.
    pub source: String,
    pub from: Option<Time>,
    pub per_million: RatesView,
    /// For the longest prompts, where that differs.
    pub per_million_long: Option<RatesView>,
}

/// What a million tokens of each kind cost.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/costs.md")]
pub struct RatesView {
    pub input: MoneyView,
    pub output: MoneyView,
    pub cache_read: MoneyView,
    pub cache_write: MoneyView,
    pub cache_write_1h: MoneyView,
}

impl From<Rates> for RatesView {
    fn from(rates: Rates) -> Self {
        let money = |micros: u64| Money::from_micros(i64::try_from(micros).unwrap_or(i64::MAX)).into();
        Self {
            input: money(rates.input),
            output: money(rates.output),
            cache_read: money(rates.cache_read),
            cache_write: money(rates.cache_write),
            cache_write_1h: money(rates.cache_write_1h),
        }
    }
}

/// The prices that hold at a time, of models whose names have this in them: those of the workspace's table, of the
/// user's, and the bundled ones that neither changes.
///
/// # Errors
/// When a table cannot be read.
pub fn list(
    workspace: &Workspace,
    env: &Environment,
    pattern: Option<&str>,
    at: Time,
) -> Result<Vec<Listed>, Failure> {
    let pattern = pattern.map(str::to_lowercase);
    let fits = |name: &str| match pattern.as_deref() {
        None => true,
        Some(pattern) => match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name.contains(pattern),
        },
    };
    let mut tables = Vec::new();
    for (whose, path) in files(workspace, env) {
        let failed = |Wrong(why)| Failure::new(Code::Invalid, format!("{}: {why}", path.display()));
        tables.extend(read(whose, &path).map_err(failed)?);
    }
    let (mut listed, mut seen): (Vec<Listed>, BTreeSet<String>) = Default::default();
    for written in &tables {
        for (name, row) in written.table.all(at).filter(|(name, _)| fits(name)) {
            if seen.insert(name.clone()) {
                listed.push(of_row(name, row, &written.version));
            }
        }
    }
    let shown = |provider: &str, name: &str| {
        let name = name.to_lowercase();
        fits(&name)
            && (pattern.is_some() || PROVIDERS.contains(&provider))
            && tables.iter().all(|written| written.table.find(&name, at).is_none())
    };
    listed.extend(bundled::models(shown, at).into_iter().map(|model| Listed {
        model: model.name.to_owned(),
        provider: Some(model.provider.to_owned()),
        source: bundled::VERSION.to_owned(),
        from: None,
        per_million: model.base.into(),
        per_million_long: (model.top != model.base).then(|| model.top.into()),
    }));
    Ok(listed)
}

fn of_row(model: String, row: &Row, version: &str) -> Listed {
    let long = row.above.last().map(|(_, rates)| *rates);
    Listed {
        model,
        provider: None,
        source: version.to_owned(),
        from: row.from,
        per_million: row.base.into(),
        per_million_long: long.map(RatesView::from),
    }
}
