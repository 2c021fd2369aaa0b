//! `[budget]`: what agents may spend, when nothing more is said.

use convoy_api::Failure;
use convoy_core::money::{Money, NoAmount};
use convoy_core::policy::Budget;

use super::Config;

impl Config {
    /// What agents may spend. Which agents cannot be counted is not for the configuration to say.
    pub(super) fn budget(&self) -> Result<Budget, Failure> {
        let allow_unmetered = match self.text("budget.on_unmetered")? {
            None | Some("refuse") => false,
            Some("allow") => true,
            Some(_) => return Err(self.wrong("budget.on_unmetered", "refuse or allow")),
        };
        Ok(Budget {
            attempt: self.money("budget.attempt")?,
            day: self.money("budget.day")?,
            convoy: self.money("budget.convoy")?,
            unmetered: Vec::new(),
            allow_unmetered,
        })
    }

    /// An amount of money: a number, or a text with one.
    fn money(&self, key: &str) -> Result<Option<Money>, Failure> {
        let Some(value) = self.value(key) else { return Ok(None) };
        // A number of the file is exact as it is printed again.
        let text = match (value.as_str(), value.as_integer(), value.as_float()) {
            (Some(text), _, _) => text.to_owned(),
            (None, Some(number), _) => number.to_string(),
            (None, None, Some(number)) => number.to_string(),
            (None, None, None) => String::new(),
        };
        text.parse().map(Some).map_err(|error: NoAmount| {
            let expected = error.to_string();
            self.wrong(key, expected.strip_prefix("expected ").unwrap_or(&expected))
        })
    }
}
