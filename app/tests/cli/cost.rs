//! `convoy cost`, as far as it needs no agent: what it prints of nothing, and the prices.

use insta::assert_snapshot;

use crate::{both_ways, workspace};

#[test]
fn costs_of_nothing_and_of_nobody() {
    let said = both_ways(&[
        "cost status",
        "cost report --by model",
        "cost report --format csv",
        "cost status --json",
        "cost status --epic payments",
        "cost report --convoy nothing",
        "cost report --worker nobody --json",
        "cost report --epic a --issue b",
        "cost report --since yesterday",
        "cost report --format csv --json",
    ]);
    assert_snapshot!(said);
}

#[test]
fn prices_are_listed_and_taken_over() {
    let lines = [
        "cost prices list nobody-has-it",
        "cost prices list nobody --json",
        "cost prices update nowhere.toml",
        "cost prices update bad.toml",
        "cost prices update good.toml",
        "cost prices update good.toml",
        "cost prices update good.json --only b-",
        "cost prices list a-model* --json",
    ];
    let env = workspace();
    let repo = env.repo_at(&env.dir());
    repo.write("bad.toml", "[models.x]\ninput = -1\noutput = 1\n");
    repo.write("good.toml", "[models.\"a-model*\"]\ninput = 1.25\noutput = 10\nfrom = \"2026-01-01\"\n");
    repo.write(
        "good.json",
        r#"{"models":{"b-x":{"input":1,"output":2,"cache_read":0.1},"c":{"input":1,"output":1}}}"#,
    );
    assert_snapshot!(crate::transcript(&env, &lines));
    let table = env.dir().join(".convoy/prices.toml");
    assert_snapshot!("table", std::fs::read_to_string(&table).unwrap());
    // Claude's are known, with those of its caches.
    let listed = env.convoy(["cost", "prices", "list", "claude-sonnet-4-5", "--json"]).ok().json();
    let claude = listed.as_array().unwrap().iter().find(|one| one["provider"] == "anthropic").unwrap();
    let figures = ["input", "output", "cache_read", "cache_write", "cache_write_1h"]
        .map(|kind| claude["per_million"][kind]["micros"].as_i64().unwrap());
    assert_eq!(figures, [3_000_000, 15_000_000, 300_000, 3_750_000, 6_000_000]);
    assert!(claude["source"].as_str().unwrap().starts_with("genai-prices "));
    // A table with a mistake in it is named, and nothing is shown that does not hold.
    std::fs::write(&table, "[models.x]\ninput = 1\n").unwrap();
    let run = env.convoy(["cost", "prices", "list"]).exits(2);
    assert!(
        run.stderr.contains("prices.toml") && run.stderr.contains("missing field `output`"),
        "{}",
        run.stderr
    );
    assert_eq!(run.stdout, "");
}
