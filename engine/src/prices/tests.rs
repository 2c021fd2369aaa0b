//! Tests of prices: figures that vendors publish and that agents have reported, and tables that people write.

use convoy_core::money::Money;
use convoy_core::report::Tokens;
use convoy_core::time::Time;

use super::book::{Prices, Vendor};
use super::rates::Used;
use super::table::Table;
use super::{bundled, list, update};
use crate::os::spawn::Environment;
use crate::supervisor::spec::{Long, Price};
use crate::workspace::Workspace;

const CLAUDE: Option<Vendor> = Some(Vendor::Anthropic);

fn used(input: u64, output: u64, cache_read: u64, cache_write: u64) -> Used {
    Used { tokens: Tokens { input, output, cache_read, cache_write }, ..Used::default() }
}

/// 2026-11-21.
fn now() -> Time {
    Time::from_millis(1_795_219_200_000)
}

fn micros(model: &str, used: &Used) -> Option<i64> {
    bundled::cost(CLAUDE, model, used, now()).map(Money::as_micros)
}

/// A workspace with a table of its own, and a user with one.
struct Home {
    dir: tempfile::TempDir,
    workspace: Workspace,
    env: Environment,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("w/.convoy/state")).unwrap();
        std::fs::create_dir_all(dir.path().join("config/convoy")).unwrap();
        let workspace = Workspace::find(&dir.path().join("w")).unwrap();
        let mut env = Environment::default();
        env.set("XDG_CONFIG_HOME", dir.path().join("config"));
        Self { dir, workspace, env }
    }
    fn write(&self, path: &str, text: &str) {
        std::fs::write(self.dir.path().join(path), text).unwrap();
    }
    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(path)).unwrap()
    }
    fn prices(&self) -> Prices {
        Prices::new(&self.workspace, &self.env)
    }
}

const OURS: &str = "w/.convoy/prices.toml";
const USERS: &str = "config/convoy/prices.toml";

#[test]
fn the_recorded_version_is_the_one_that_is_built_in() {
    let lock = include_str!("../../../Cargo.lock");
    let at = lock.find("name = \"genai-prices\"").unwrap();
    let version = lock[at..].lines().nth(1).unwrap().split('"').nth(1).unwrap();
    assert!(bundled::VERSION.starts_with(&format!("genai-prices {version} 20")), "{version}");
}

#[test]
fn a_usage_costs_what_the_agent_itself_said_that_it_cost() {
    // A run of Claude Code that reported $0.0196875; half of a micro-dollar is rounded up.
    assert_eq!(micros("claude-sonnet-4-5", &used(1650, 175, 29_500, 870)), Some(19_688));
    assert_eq!(micros("claude-sonnet-4-5-20250929", &used(1200, 85, 9000, 500)), Some(9_450));
    // Nothing of it is counted twice: input does not include what was read from the cache.
    assert_eq!(micros("claude-sonnet-4-5", &used(1_000_000, 0, 0, 0)), Some(6_000_000), "a long prompt");
    assert_eq!(micros("claude-sonnet-4-5", &used(100_000, 0, 0, 0)), Some(300_000));
    assert_eq!(micros("claude-sonnet-4-5", &used(0, 0, 100_000, 0)), Some(30_000));
    let hour = Used { cache_write_1h: 100_000, ..used(0, 0, 0, 100_000) };
    assert_eq!(micros("claude-sonnet-4-5", &hour), Some(600_000));
    assert_eq!(micros("claude-sonnet-4-5", &used(0, 0, 0, 100_000)), Some(375_000));
    assert_eq!(micros("claude-haiku-4-5[1m]", &used(1_000, 0, 0, 0)), Some(1_000));
    assert_eq!(micros("claude-sonnet-4-5", &Used::default()), Some(0), "nothing costs nothing");
}

#[test]
fn a_sum_of_replies_is_no_long_prompt() {
    let many = Used { summed: true, ..used(1_000_000, 10_000, 0, 0) };
    assert_eq!(micros("claude-sonnet-4-5", &many), Some(3_150_000));
    let table = Table::parse(
        "[models.x]\ninput = 1\noutput = 2\nabove = [{ tokens = 100, input = 10, output = 20 }]",
    );
    let table = table.unwrap();
    let row = table.find("x", now()).unwrap();
    let cost = |used: &Used| row.rates(used).cost(used).as_micros();
    assert_eq!(cost(&used(1000, 0, 0, 0)), 10_000);
    assert_eq!(cost(&used(100, 0, 0, 0)), 100, "as long as the step is not above it");
    assert_eq!(cost(&Used { summed: true, ..used(1000, 0, 0, 0) }), 1000);
}

#[test]
fn what_is_in_no_table_is_unpriced_and_never_free() {
    for model in ["scripted-model", "", "gpt-", "<synthetic>", "claude\u{1b}[2J"] {
        assert_eq!(micros(model, &used(1_000_000, 1_000_000, 0, 0)), None, "{model:?}");
    }
    let much = Used { cache_write_1h: u64::MAX, ..used(u64::MAX, u64::MAX, u64::MAX, u64::MAX) };
    let most = micros("claude-sonnet-4-5", &much).unwrap();
    assert_eq!(most, 1_000_000_000_000_000, "it is cut, and does not wrap");
}

#[test]
fn the_tables_of_people_go_before_and_by_the_longest_name() {
    let home = Home::new();
    let prices = home.prices();
    let cost = |model: &str| {
        let priced = prices.cost(CLAUDE, model, &used(1_000_000, 0, 0, 0), now());
        priced.map(|priced| (priced.cost.as_micros(), priced.price))
    };
    assert_eq!(cost("my-model"), None);
    home.write(
        USERS,
        "[models.\"my-*\"]\ninput = 1\noutput = 5\n[models.\"claude-*\"]\ninput = 7\noutput = 7\n",
    );
    assert_eq!(cost("My-Model").unwrap().0, 1_000_000);
    assert_eq!(cost("claude-sonnet-4-5").unwrap().0, 7_000_000);
    home.write(
        OURS,
        "[models.\"my-model*\"]\ninput = 2\noutput = 5\n[models.my-model]\ninput = 3\noutput = 5\n",
    );
    let (micros, version) = cost("my-model").unwrap();
    assert_eq!(micros, 3_000_000);
    assert!(version.starts_with("workspace prices.toml ") && version.len() == 30, "{version}");
    assert_eq!(cost("my-model-2").unwrap().0, 2_000_000);
    let (micros, version) = cost("my-other").unwrap();
    assert_eq!(micros, 1_000_000);
    assert!(version.starts_with("user prices.toml "), "{version}");
    // One that is broken changes nothing, and the next good one holds.
    home.write(OURS, "[models.my-model]\ninput = -3\noutput = 5\n");
    assert_eq!(cost("my-model").unwrap().0, 3_000_000);
    home.write(OURS, "[models.my-model]\ninput = 4\noutput = 5\n");
    assert_eq!(cost("my-model").unwrap().0, 4_000_000);
    std::fs::remove_file(home.dir.path().join(OURS)).unwrap();
    assert_eq!(cost("my-model").unwrap().0, 1_000_000);
}

#[test]
fn a_price_holds_from_its_day_on() {
    let text = "[[models.x]]\ninput = 2\noutput = 2\nfrom = \"2026-11-02\"\n\
        [[models.x]]\ninput = 1\noutput = 1\nfrom = 2026-11-01\n";
    let table = Table::parse(text).unwrap();
    let at = |text: &str| Time::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond());
    let input = |text: &str| table.find("x", at(text)).map(|row| row.base.input);
    assert_eq!(input("2026-10-31T23:59:59Z"), None);
    assert_eq!(input("2026-11-01T00:00:00Z"), Some(1_000_000));
    assert_eq!(input("2026-11-01T23:59:59Z"), Some(1_000_000));
    assert_eq!(input("2026-11-02T00:00:00Z"), Some(2_000_000));
}

#[test]
fn what_is_wrong_in_a_table_is_named() {
    for (text, said) in [
        ("[models.x]\ninput = nan\noutput = 1", "input: NaN is no price"),
        ("[models.x]\ninput = 1e9\noutput = 1", "no price"),
        ("[models.x]\ninput = 1", "missing field `output`"),
        ("[models.x]\ninput = 1\noutput = 1\ninptu = 1", "inptu"),
        ("[models.x]\ninput = \"1\"\noutput = 1", "models.\"x\": invalid type"),
        ("[models.\"a*b\"]\ninput = 1\noutput = 1", "at the end only"),
        ("[models.\"a\\u001bb\"]\ninput = 1\noutput = 1", "control characters"),
        ("[models.x]\ninput = 1\noutput = 1\nfrom = \"soon\"", "no date such as"),
        ("[[models.x]]\ninput = 1\noutput = 1\n[[models.x]]\ninput = 1\noutput = 1", "same day"),
        ("[x]\ninput = 1\noutput = 1", "unknown key \"x\""),
        ("models = 3", "a table is expected"),
        ("[models", "TOML parse error"),
    ] {
        let why = Table::parse(text).unwrap_err().to_string();
        assert!(why.contains(said), "{text:?}: {why}");
    }
}

#[test]
fn a_supervisor_gets_the_prices_of_whatever_may_answer() {
    let home = Home::new();
    home.write(USERS, "[models.\"my-*\"]\ninput = 1\noutput = 5\ncache_write_1h = 9\n");
    let table = home.prices().ceilings(CLAUDE, now());
    let long = Long {
        above: 200_000,
        input: 6_000_000,
        output: 22_500_000,
        cache_read: 600_000,
        cache_write: 7_500_000,
        cache_write_1h: 12_000_000,
    };
    let price = Price {
        input: 3_000_000,
        output: 15_000_000,
        cache_read: 300_000,
        cache_write: 3_750_000,
        cache_write_1h: Some(6_000_000),
        long: Some(long),
    };
    assert_eq!(table["claude-sonnet-4-5"], price);
    assert_eq!(table["my-"].cache_write_1h, Some(9_000_000));
    assert!(table.keys().all(|key| key.starts_with("claude") || key == "my-"), "{:?}", table.keys());
    assert!(home.prices().ceilings(None, now()).keys().eq(["my-"]));
    // Whatever a reply costs, its supervisor does not take it for less.
    for model in ["claude-sonnet-4-5-20250929", "claude-opus-4-5", "claude-haiku-4-5", "claude-fable-5"] {
        let reply = Used { cache_write_1h: 333, ..used(210_001, 77, 12_345, 999) };
        let known = home.prices().cost(CLAUDE, model, &reply, now()).unwrap().cost;
        let key = table.keys().filter(|key| model.starts_with(key.as_str())).max_by_key(|key| key.len());
        assert!(table[key.unwrap()].cost(reply.tokens, 333, false) >= known, "{model}");
        // Nor for more than a rounding more, unless its prompt is long.
        let short = Used { cache_write_1h: 333, ..used(10_001, 77, 12_345, 999) };
        let known = home.prices().cost(CLAUDE, model, &short, now()).unwrap().cost;
        let taken = table[key.unwrap()].cost(short.tokens, 333, false);
        assert!(taken >= known && taken <= known.plus(Money::from_micros(1)), "{model}: {taken} for {known}");
    }
}

const LITELLM: &str = r#"{
  "sample_spec": { "input_cost_per_token": 0, "mode": "one of chat" },
  "claude-x": { "mode": "chat", "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05,
     "cache_read_input_token_cost": 3e-07, "cache_creation_input_token_cost": 3.75e-06,
     "cache_creation_input_token_cost_above_1hr": 6e-06, "input_cost_per_token_above_200k_tokens": 6e-06,
     "output_cost_per_token_above_200k_tokens": 2.25e-05, "litellm_provider": "anthropic" },
  "paint": { "mode": "image_generation", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06 },
  "local": { "mode": "chat", "input_cost_per_token": 0.0, "output_cost_per_token": 0.0 },
  "half": { "mode": "chat", "input_cost_per_token": 1e-06 }
}"#;

#[test]
fn a_table_of_litellm_is_taken_over_beside_what_is_there() {
    let home = Home::new();
    home.write(OURS, "# mine\n[models.mine]\ninput = 1 # cheap\noutput = 2\n");
    home.write("given.json", LITELLM);
    let file = home.dir.path().join("given.json");
    let updated = update(&home.workspace, &file, &[]).unwrap();
    assert_eq!(
        (updated.added, updated.changed, updated.same, updated.skipped, updated.total),
        (1, 0, 0, 3, 2)
    );
    let text = home.read(OURS);
    assert!(text.starts_with("# mine\n") && text.contains("input = 1 # cheap"), "{text}");
    let cost = |used| home.prices().cost(CLAUDE, "claude-x", &used, now()).unwrap().cost.as_micros();
    assert_eq!(cost(used(1650, 175, 29_500, 870)), 19_688);
    assert_eq!(cost(Used { cache_write_1h: 1000, ..used(0, 0, 0, 1000) }), 6_000);
    assert_eq!(cost(used(300_000, 1000, 0, 0)), 1_822_500);
    // Again, it changes nothing.
    let again = update(&home.workspace, &file, &[]).unwrap();
    assert_eq!((again.added, again.changed, again.same), (0, 0, 1));
    assert_eq!(home.read(OURS), text);
    // What is refused changes nothing either.
    for bad in ["{", "[models.x]\ninput = -1\noutput = 1", "{\"models\":{\"x\":{\"input\":1}}}", "{}", ""] {
        home.write("bad", bad);
        update(&home.workspace, &home.dir.path().join("bad"), &[]).unwrap_err();
        assert_eq!(home.read(OURS), text, "{bad}");
    }
    home.write(
        "json",
        "{\"models\":{\"mine\":{\"input\":1.5,\"output\":2},\"b\":{\"input\":1,\"output\":1}}}",
    );
    let json = home.dir.path().join("json");
    assert_eq!(update(&home.workspace, &json, &["mi*".to_owned()]).unwrap().changed, 1);
    assert_eq!(update(&home.workspace, &json, &[]).unwrap().added, 1);
}

#[test]
fn what_holds_is_listed_once() {
    let home = Home::new();
    home.write(OURS, "[models.\"claude-sonnet*\"]\ninput = 1\noutput = 2\n");
    home.write(
        USERS,
        "[models.\"claude-sonnet*\"]\ninput = 5\noutput = 5\n[models.other]\ninput = 5\noutput = 5\n",
    );
    let all = list(&home.workspace, &home.env, None, now()).unwrap();
    let names = |listed: &[super::Listed]| listed.iter().map(|one| one.model.clone()).collect::<Vec<_>>();
    assert_eq!(names(&all)[..2], ["claude-sonnet*", "other"]);
    assert_eq!(all[0].per_million.input.micros, 1_000_000);
    assert!(!names(&all).iter().any(|name| name.starts_with("claude-sonnet-")), "what nothing is priced by");
    assert!(names(&all).contains(&"claude-haiku-4-5".to_owned()));
    let haiku = list(&home.workspace, &home.env, Some("haiku-4-5"), now()).unwrap();
    let first = haiku.iter().find(|one| one.provider.as_deref() == Some("anthropic")).unwrap();
    let figures = [&first.per_million.input, &first.per_million.output, &first.per_million.cache_read];
    assert_eq!(figures.map(|money| money.usd.as_str()), ["1.00", "5.00", "0.10"]);
    assert_eq!(list(&home.workspace, &home.env, Some("nobody's"), now()).unwrap(), []);
}
