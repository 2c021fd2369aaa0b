//! `convoy schema`: the published shapes, as JSON Schema.
//!
//! Most are derived from the views that are printed; the others stand in `shapes`.

use clap::{Args, ValueEnum};
use convoy_core::view;
use convoy_engine::findings;
use convoy_engine::templates::shape;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use super::context::Context;
use crate::error::{DONE, Error};
use crate::shapes::{Engine, ErrorShape, Event, Item, WhyShape};

/// Print the JSON Schema of what --json prints
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy schema\n  convoy schema convoy")]
pub(super) struct Shapes {
    /// Which; without it, their names
    name: Option<Name>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Name {
    Issue,
    Convoy,
    Worker,
    Witness,
    Session,
    Epic,
    Rig,
    RigStatus,
    Event,
    Stage,
    Stranded,
    Overview,
    Mq,
    Notice,
    Tracker,
    Delivery,
    Cost,
    Budget,
    Price,
    Error,
    Item,
    Engine,
    Why,
    Baseline,
    Skill,
    Findings,
    Synthesis,
    ReviewResult,
    Triage,
    Facts,
    Output,
    Template,
    AgentFile,
}

impl Shapes {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        if let Some(name) = self.name {
            ctx.out.json = true;
            ctx.out.json(&schema(name))?;
            return Ok(DONE);
        }
        let names: Vec<String> = Name::value_variants()
            .iter()
            .filter_map(|name| Some(name.to_possible_value()?.get_name().to_owned()))
            .collect();
        ctx.out.json(&names)?;
        ctx.out.say(&format!("{}\n", names.join("\n")))?;
        Ok(DONE)
    }
}

fn schema(name: Name) -> Schema {
    // As it is printed: every key is always there.
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    // As it may be written.
    let written = || SchemaSettings::draft2020_12().for_deserialize().into_generator();
    match name {
        Name::Issue => generator.into_root_schema_for::<view::IssueView>(),
        Name::Convoy => generator.into_root_schema_for::<view::ConvoyView>(),
        Name::Worker => generator.into_root_schema_for::<view::WorkerView>(),
        Name::Witness => generator.into_root_schema_for::<super::witness::WatchedView>(),
        Name::Session => generator.into_root_schema_for::<view::SessionView>(),
        Name::Epic => generator.into_root_schema_for::<view::EpicView>(),
        Name::Rig => generator.into_root_schema_for::<view::RigView>(),
        Name::RigStatus => generator.into_root_schema_for::<view::RigStatusView>(),
        Name::Event => generator.into_root_schema_for::<Event>(),
        Name::Stage => generator.into_root_schema_for::<view::StageView>(),
        Name::Stranded => generator.into_root_schema_for::<view::StrandedView>(),
        Name::Overview => generator.into_root_schema_for::<view::OverviewView>(),
        Name::Mq => generator.into_root_schema_for::<view::QueueItemView>(),
        Name::Notice => generator.into_root_schema_for::<view::NoticeView>(),
        Name::Skill => generator.into_root_schema_for::<super::skill::SkillView>(),
        Name::Facts => generator.into_root_schema_for::<view::FactsView>(),
        Name::Output => generator.into_root_schema_for::<crate::reports::OutputView>(),
        Name::Tracker => generator.into_root_schema_for::<view::TrackerView>(),
        Name::Delivery => generator.into_root_schema_for::<view::DeliveryView>(),
        Name::Budget => generator.into_root_schema_for::<view::BudgetView>(),
        Name::Cost => generator.into_root_schema_for::<view::CostView>(),
        Name::Price => generator.into_root_schema_for::<convoy_engine::prices::Listed>(),
        Name::Error => generator.into_root_schema_for::<ErrorReport>(),
        Name::Item => generator.into_root_schema_for::<Item>(),
        Name::Engine => generator.into_root_schema_for::<Engine>(),
        Name::Why => generator.into_root_schema_for::<WhyShape>(),
        Name::Baseline => generator.into_root_schema_for::<convoy_engine::baseline::Report>(),
        Name::Template => both_cases(written().into_root_schema_for::<shape::TemplateShape>()),
        Name::AgentFile => written().into_root_schema_for::<shape::AgentFileShape>(),
        Name::Findings => generator.into_root_schema_for::<findings::FindingsFile>(),
        Name::Synthesis => generator.into_root_schema_for::<findings::Synthesis>(),
        Name::ReviewResult => generator.into_root_schema_for::<crate::review::ReviewView>(),
        Name::Triage => generator.into_root_schema_for::<findings::triage::Triage>(),
    }
}

/// With each key in the other case as well, as JSON files may have it: `dependsOn` for `depends_on`.
fn both_cases(mut schema: Schema) -> Schema {
    schemars::transform::transform_subschemas(&mut camel, &mut schema);
    schema
}

fn camel(schema: &mut Schema) {
    let Some(properties) = schema.get_mut("properties").and_then(serde_json::Value::as_object_mut) else {
        return;
    };
    let known = std::mem::take(properties);
    for (key, value) in known {
        let mut words = key.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        let other = words.fold(first, |all, word| {
            let (head, rest) = word.split_at(word.len().min(1));
            all + &head.to_uppercase() + rest
        });
        if other != key {
            properties.insert(other, value.clone());
        }
        properties.insert(key, value);
    }
}

/// What is printed on stderr when a command fails.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
struct ErrorReport {
    error: ErrorShape,
}

#[cfg(test)]
mod tests {
    use super::*;
    use convoy_api::query::{EngineView, ReasonView, WhyView};
    use convoy_api::{Code, Failure, ItemView};
    use convoy_core::address::Address;
    use convoy_core::event::{Envelope, Event as Fact};
    use convoy_core::id::{ConvoyId, Seq};
    use convoy_core::time::Time;
    use serde_json::{Value, json};

    /// Compares the keys of what is printed with those of its schema, all of which are required.
    fn check(name: Name, printed: &Value) {
        let schema = schema(name).to_value();
        let keys = |value: &Value| {
            let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
            keys.sort();
            keys
        };
        let mut required: Vec<String> = serde_json::from_value(schema["required"].clone()).unwrap();
        required.sort();
        assert_eq!(keys(printed), keys(&schema["properties"]), "{name:?}");
        assert_eq!(keys(printed), required, "{name:?}: every key is always there");
    }

    #[test]
    fn shapes_that_stand_here_once_more_are_those_that_are_printed() {
        let failure = Failure::new(Code::Refused, "no");
        let item =
            ItemView { id: "gt-1".into(), ok: true, changed: true, note: None, error: Some(failure.clone()) };
        check(Name::Item, &json!(item));
        check(Name::Error, &json!({ "error": failure }));
        let reasons = vec![ReasonView { code: "ready".into(), text: "it is".into(), command: None }];
        let why = WhyView { id: "gt-1".into(), kind: "issue".into(), status: "open".into(), reasons };
        check(Name::Why, &json!(why));
        let engine = EngineView {
            running: true,
            pid: 1,
            version: "1".into(),
            socket: None,
            http: None,
            token_file: None,
            started_at: Time::default(),
            host: "h".into(),
            seq: Seq(1),
            live_sessions: 0,
            idle: true,
            open_convoys: Vec::new(),
            unread: 0,
            undelivered: 0,
            checkpoints: 0,
        };
        check(Name::Engine, &json!(engine));
        let event = Fact::ConvoyStarted { convoy: ConvoyId::new("hq-cv-1").unwrap() };
        let subject = event.subject().to_owned();
        let (actor, at) = (Address::overseer(), Time::default());
        check(Name::Event, &json!(Envelope { seq: Seq(1), at, actor, subject, epoch: None, event }));
    }

    #[test]
    fn every_schema_says_that_its_keys_are_always_there() {
        // What is written by people has keys that may be left out.
        let written = [Name::Template, Name::AgentFile];
        for name in Name::value_variants().iter().filter(|name| !written.contains(name)) {
            let schema = schema(*name).to_value();
            let properties = schema["properties"].as_object().unwrap().len();
            assert_eq!(schema["required"].as_array().map(Vec::len), Some(properties), "{name:?}");
        }
    }
}
