//! What tokens cost: prices of models, with the version of the table that they come from.
//!
//! - **bundled**: the table that comes with the crate `genai-prices`, decoded when it is first asked.
//! - **table**: what people wrote, in the workspace's and in the user's `prices.toml`. It goes before the bundled one.
//! - **book**: both together, as an engine uses them.
//!
//! A model that no table has is unpriced. It is never taken to be free.

mod book;
mod bundled;
mod listing;
mod litellm;
mod rates;
mod table;
mod update;

#[cfg(test)]
mod tests;

pub use book::{Priced, Prices, Vendor};
pub use listing::{Listed, RatesView, list};
pub use rates::{Rates, Used};
pub use update::{Updated, update};

/// The name of the tables that people write.
pub const FILE: &str = "prices.toml";
