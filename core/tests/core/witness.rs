//! Properties of the witness's judgement: whatever the evidence.

use convoy_core::health::{Look, Repeated, Standing, Step, Taken, Thresholds, Tool, Vitals, verdict};
use convoy_core::money::Money;
use convoy_core::time::Time;
use proptest::prelude::*;

const NOW: i64 = 1_767_118_500_000;

fn look() -> impl Strategy<Value = Look> {
    let tool = prop::option::of((0_u64..20_000_000).prop_map(|for_ms| Tool { name: "Bash".into(), for_ms }));
    let looping = prop::option::of((0_u32..50).prop_map(|count| Repeated { what: "x".into(), count }));
    let times = (0_u64..20_000_000, 0_u64..1_000_000, 0_u64..30_000, 0_u64..20_000);
    let retry = prop::option::of(-10_000_000_i64..10_000_000);
    (times, tool, looping, retry, any::<bool>(), any::<bool>()).prop_map(
        |((silent_ms, cpu_ms, window_ms, window_cpu), tool, looping, retry, waits, takes_input)| Look {
            vitals: Vitals {
                at: Time::from_millis(NOW),
                silent_ms,
                tool,
                processes: 1,
                cpu_ms,
                retry_at: retry.map(|ms| Time::from_millis(NOW + ms)),
                waiting: waits.then(|| "a person".into()),
                looping,
                takes_input,
            },
            window_ms,
            cpu_ms: window_cpu,
            changed_at: None,
        },
    )
}

fn standing() -> impl Strategy<Value = Standing> {
    let step = prop_oneof![Just(Step::Nudge), Just(Step::Escalate), Just(Step::Stop)];
    let taken = (step, 0_i64..10_000_000).prop_map(|(step, ago)| Taken {
        step,
        at: Time::from_millis(NOW - ago),
        unable: None,
    });
    (prop::collection::vec(taken, 0..3), 0_i64..20_000_000, prop::option::of(look())).prop_map(
        |(steps, ago, before)| {
            let mut before = before;
            if let Some(before) = &mut before {
                before.vitals.at = Time::from_millis(NOW - 600_000);
            }
            Standing { steps, look: before, ..Standing::new(Time::from_millis(NOW - ago)) }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// Nothing is ended that may be at work: that prints, uses a tool, or uses a processor.
    #[test]
    fn nothing_is_stopped_on_a_guess(look in look(), standing in standing()) {
        let thresholds = Thresholds::default();
        let verdict = verdict(&look, &standing, &thresholds, Money::default());
        if verdict.is_some_and(|verdict| verdict.step == Some(Step::Stop)) {
            prop_assert!(look.vitals.tool.is_none(), "a tool is at work");
            prop_assert!(look.vitals.silent_ms >= 3_600_000, "it was heard of");
            prop_assert!(look.window_ms > 0, "nobody looked for long enough");
            prop_assert!(look.cpu_ms * 100 < look.window_ms * 2, "its processes work");
            if let Some(before) = &standing.look {
                let used = look.vitals.cpu_ms.saturating_sub(before.vitals.cpu_ms);
                prop_assert!(used * 100 < 600_000 * 2, "its processes worked since the last look");
            }
            prop_assert!(look.vitals.waiting.is_none(), "it waits for a person");
            prop_assert!(look.vitals.retry_at.is_none_or(|at| at.as_millis() <= NOW), "it waits for its service");
            let taken = |step| standing.steps.iter().any(|taken| taken.step == step);
            prop_assert!(taken(Step::Nudge) && taken(Step::Escalate), "it was not said before");
        }
    }

    /// No step is taken twice in an episode.
    #[test]
    fn each_step_is_taken_once(look in look(), standing in standing()) {
        let verdict = verdict(&look, &standing, &Thresholds::default(), Money::default());
        if let Some(step) = verdict.and_then(|verdict| verdict.step) {
            prop_assert!(standing.steps.iter().all(|taken| taken.step != step));
        }
    }
}
