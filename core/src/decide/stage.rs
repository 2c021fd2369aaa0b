//! Stage and launch: a convoy is analysed first, and starts when a person has seen what it will do.

use super::convoy::{create, start};
use super::refs::{resolve_convoy, resolve_issue};
use super::{Context, Decision, Item};
use crate::command::Request;
use crate::convoy::{Convoy, NAME_CHARS_MAX, NewConvoy, Staged, Status};
use crate::event::Event;
use crate::id::ConvoyId;
use crate::issue::IssueType;
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::stage::{Analysis, Finding, Subject, analyse};
use crate::state::State;

/// What staging would come to.
#[derive(Clone, PartialEq, Debug)]
pub struct Staging {
    /// The convoy that is restaged; none if one is made.
    pub convoy: Option<ConvoyId>,
    /// What a convoy of it would be called.
    pub title: String,
    /// What was found.
    pub analysis: Analysis,
}

/// Analyses what is named: one epic, one staged convoy, or issues. `max_parallel` is the limit that is asked for.
///
/// # Errors
/// When a reference leads nowhere, kinds are mixed, or there is nothing to stage.
pub fn staging(
    state: &State,
    policy: &Policy,
    what: &[String],
    max_parallel: Option<u32>,
) -> Result<Staging, Refusal> {
    let subject = subject(state, what)?;
    let convoy = match &subject {
        Subject::Convoy(id) => Some(id.clone()),
        Subject::Epic(_) | Subject::Issues(_) => None,
    };
    let mut analysis = analysed(state, policy, &subject, convoy.as_ref(), max_parallel)?;
    let convoy = convoy.or_else(|| meant(state, &analysis));
    if convoy.is_some() {
        analysis = analysed(state, policy, &subject, convoy.as_ref(), max_parallel)?;
    }
    if !matches!(subject, Subject::Convoy(_)) && analysis.waves.is_empty() && analysis.gated.is_empty() {
        // A circle is said as such.
        if analysis.errors().next().is_none() {
            return Err(nothing(&subject, &analysis));
        }
    }
    let title = title(state, &subject, &analysis);
    Ok(Staging { convoy, title, analysis })
}

fn analysed(
    state: &State,
    policy: &Policy,
    subject: &Subject,
    convoy: Option<&ConvoyId>,
    asked: Option<u32>,
) -> Result<Analysis, Refusal> {
    let known = convoy.and_then(|id| state.convoys.get(id)?.content.max_parallel);
    let max = asked.or(known).unwrap_or(policy.max_parallel);
    analyse(state, policy, subject, convoy, max).map_err(|error| {
        Refusal::domain(error.to_string(), "stage the parts of an inner epic: convoy stage <epic>")
    })
}

/// The one staged convoy that tracks some of it already.
fn meant(state: &State, analysis: &Analysis) -> Option<ConvoyId> {
    let convoys = analysis.tracked.iter().filter_map(|id| state.issues.get(id)).flat_map(|i| &i.convoys);
    let mut staged = convoys.filter(|id| state.convoys.get(*id).is_some_and(|c| c.staged().is_some()));
    let first = staged.next()?;
    staged.all(|other| other == first).then(|| first.clone())
}

fn nothing(subject: &Subject, analysis: &Analysis) -> Refusal {
    match (subject, analysis.tracked.is_empty()) {
        (Subject::Epic(epic), true) => Refusal::domain(
            format!("{epic} has no parts that could be worked on"),
            format!("make some: convoy issue create <title> --parent {epic}"),
        ),
        _ => Refusal::domain("nothing is left to do: every issue is closed", "see: convoy issue list --all"),
    }
}

/// What is meant. An issue goes before a convoy with the same beginning, as everywhere.
fn subject(state: &State, what: &[String]) -> Result<Subject, Refusal> {
    let (mut epics, mut issues, mut convoys, mut missing) = (vec![], vec![], vec![], vec![]);
    for text in what {
        match (resolve_issue(state, text), resolve_convoy(state, text)) {
            (Ok(id), _) => match state.issues[&id].content.issue_type {
                IssueType::Epic => epics.push(id),
                IssueType::Step => {
                    let problem = format!("{id} is a step of a template, and is not worked on by itself");
                    return Err(Refusal::invalid("issue", problem));
                }
                IssueType::Other => {
                    let problem = format!("{id} is of a type of another tracker, and is not worked on");
                    return Err(Refusal::invalid("issue", problem));
                }
                IssueType::Task | IssueType::Bug | IssueType::Feature | IssueType::Chore => issues.push(id),
            },
            (Err(Refusal::NoSuch { .. }), Ok(id)) => convoys.push(id),
            (Err(Refusal::NoSuch { ids, .. }), Err(Refusal::NoSuch { .. })) => missing.extend(ids),
            (Err(Refusal::NoSuch { .. }), Err(other)) | (Err(other), _) => return Err(other),
        }
    }
    if !missing.is_empty() {
        return Err(Refusal::NoSuch { kind: "issue, epic or convoy", ids: missing });
    }
    let mut seen = std::collections::BTreeSet::new();
    issues.retain(|id| seen.insert(id.clone()));
    match (epics.as_slice(), convoys.as_slice(), issues.is_empty()) {
        ([epic], [], true) => Ok(Subject::Epic(epic.clone())),
        ([], [convoy], true) => Ok(Subject::Convoy(convoy.clone())),
        ([], [], false) => Ok(Subject::Issues(issues)),
        ([], [], true) => Err(Refusal::invalid("issue", "expected issues, one epic, or one convoy")),
        ([_, _, ..], [], true) => Err(Refusal::invalid("issue", "several epics: stage one at a time")),
        ([], [_, _, ..], true) => Err(Refusal::invalid("issue", "several convoys: stage one at a time")),
        _ => Err(Refusal::invalid(
            "issue",
            "epics, convoys and issues are mixed: expected issues, or one epic, or one convoy",
        )),
    }
}

fn title(state: &State, subject: &Subject, analysis: &Analysis) -> String {
    let of = |id| state.issues.get(id).map(|issue| issue.content.title.clone()).unwrap_or_default();
    let title = match subject {
        Subject::Convoy(id) => {
            return state.convoys.get(id).map(|convoy| convoy.content.title.clone()).unwrap_or_default();
        }
        Subject::Epic(epic) => of(epic),
        Subject::Issues(issues) => match issues.as_slice() {
            [first, rest @ ..] if !rest.is_empty() => {
                // Room for the words that follow.
                let first: String = of(first).chars().take(NAME_CHARS_MAX - 30).collect();
                format!("{first} and {} more", rest.len())
            }
            _ => analysis.tracked.first().map(of).unwrap_or_default(),
        },
    };
    // Titles of issues may be longer than those of convoys, and begin like a flag.
    title.trim_start_matches('-').chars().take(NAME_CHARS_MAX).collect()
}

fn first_of<'a>(findings: impl Iterator<Item = &'a Finding>) -> Option<(&'a Finding, usize)> {
    let all: Vec<&Finding> = findings.collect();
    Some((*all.first()?, all.len() - 1))
}

/// Errors refuse it; so do warnings, when it is to be launched and nobody insists.
fn check(analysis: &Analysis, launch: bool, force: bool) -> Result<(), Refusal> {
    let and_more = |more: usize| if more > 0 { format!(" (and {more} more)") } else { String::new() };
    if let Some((error, more)) = first_of(analysis.errors()) {
        let verb = if launch { "launched" } else { "staged" };
        let what = format!("cannot be {verb}: {}{}", error.message, and_more(more));
        return Err(Refusal::domain(what, error.suggested_fix.clone()));
    }
    if let (true, false, Some((warning, more))) = (launch, force, first_of(analysis.warnings())) {
        let what = format!("there are warnings: {}{}", warning.message, and_more(more));
        let hint = format!("launch it all the same with --force; or {}", warning.suggested_fix);
        return Err(Refusal::domain(what, hint));
    }
    Ok(())
}

/// Only what is staged is staged again.
fn check_staged(convoy: &Convoy) -> Result<(), Refusal> {
    let id = &convoy.content.id;
    let hint = match convoy.status {
        Status::Staged(_) => return Ok(()),
        Status::Open if convoy.started_at.is_some() => format!("it is launched; see: convoy status {id}"),
        Status::Open => format!("have it worked on: convoy launch {id}"),
        Status::Landed { .. } | Status::Abandoned { .. } => {
            "stage what is to be done: convoy stage <issue>…".to_owned()
        }
    };
    Err(Refusal::domain(format!("convoy {id} is {}", convoy.status.name()), hint))
}

pub(super) fn stage(state: &State, request: &Request, ctx: &mut Context<'_>) -> Result<Decision, Refusal> {
    let Request::Stage { what, max_parallel, launch, force, .. } = request else {
        return Ok(Decision::nothing());
    };
    let staging = staging(state, ctx.policy, what, *max_parallel)?;
    if let Some(convoy) = staging.convoy.as_ref().and_then(|id| state.convoys.get(id)) {
        check_staged(convoy)?;
    }
    check(&staging.analysis, *launch, *force)?;
    let content = content(state, request, &staging, ctx)?;
    let id = content.id.clone();
    let findings = staging.analysis.warnings().cloned().collect();
    let staged = Staged { epic: staging.analysis.epic.clone(), findings };
    let known = staging.convoy.as_ref().and_then(|id| state.convoys.get(id));
    let same = known.is_some_and(|known| known.content == content && known.staged() == Some(&staged));
    let mut decision = Decision::nothing();
    if !same {
        decision.events.push(Event::ConvoyStaged { convoy: content, staged });
    }
    if *launch {
        decision.events.push(Event::ConvoyLaunched { convoy: id.clone() });
    }
    let changed = Item::changed(&id);
    decision.items.push(match (known, *launch) {
        (_, true) => changed.noted("launched"),
        (Some(_), false) if same => Item::same(&id, "already staged so"),
        (Some(known), false) => changed.noted(restaged(&known.content, &staging)),
        (None, false) => changed,
    });
    Ok(decision)
}

/// What a person must know of a restaged convoy: what it lets go.
fn restaged(known: &NewConvoy, staging: &Staging) -> String {
    let gone = known.tracked.iter().filter(|issue| !staging.analysis.tracked.contains(issue));
    let gone: Vec<&str> = gone.map(|issue| issue.as_str()).collect();
    match gone.is_empty() {
        true => "restaged".to_owned(),
        false => format!("restaged; it no longer tracks {}", gone.join(", ")),
    }
}

/// The convoy as it will be: one that is restaged keeps what is not asked for anew.
fn content(
    state: &State,
    request: &Request,
    staging: &Staging,
    ctx: &mut Context<'_>,
) -> Result<NewConvoy, Refusal> {
    let Request::Stage { title, owner, notify, merge, base, max_parallel, .. } = request else {
        return Err(Refusal::invalid("request", "is not one to stage"));
    };
    let known = staging.convoy.as_ref().and_then(|id| state.convoys.get(id)).map(|convoy| &convoy.content);
    let made = create(
        state,
        &Request::ConvoyCreate {
            name: title.clone().unwrap_or_else(|| staging.title.clone()),
            issues: staging.analysis.tracked.iter().map(ToString::to_string).collect(),
            owner: owner.clone(),
            notify: notify.clone(),
            merge: *merge,
            base: base.clone(),
            max_parallel: *max_parallel,
            start: false,
            from_epic: None,
            epic: staging.analysis.epic.as_ref().map(ToString::to_string),
            owned: false,
            due: None,
            budget: None,
        },
        ctx,
    )?;
    let Some(Event::ConvoyCreated { convoy: mut made }) = made.events.into_iter().next() else {
        return Err(Refusal::invalid("issue", "no convoy can be made of it"));
    };
    if let Some(known) = known {
        made.id = known.id.clone();
        if title.is_none() {
            made.title.clone_from(&known.title);
        }
        if owner.is_none() {
            made.owner = known.owner.clone();
        }
        if notify.is_empty() {
            made.notify.clone_from(&known.notify);
        }
        made.merge = merge.unwrap_or(known.merge);
        made.base = made.base.or_else(|| known.base.clone());
        made.max_parallel = made.max_parallel.or(known.max_parallel);
        made.agent.clone_from(&known.agent);
        made.model.clone_from(&known.model);
        made.epic = made.epic.or_else(|| known.epic.clone());
        made.owned = known.owned;
        made.due = known.due;
    }
    Ok(made)
}

pub(super) fn launch(
    state: &State,
    what: &[String],
    force: bool,
    ctx: &mut Context<'_>,
) -> Result<Decision, Refusal> {
    let Subject::Convoy(id) = subject(state, what)? else {
        let request = Request::Stage {
            what: what.to_vec(),
            title: None,
            owner: None,
            notify: Vec::new(),
            merge: None,
            base: None,
            max_parallel: None,
            launch: true,
            force,
        };
        return stage(state, &request, ctx);
    };
    let convoy = &state.convoys[&id];
    match &convoy.status {
        Status::Open if convoy.started_at.is_some() => {
            return Ok(Decision::same(Item::same(id, "already launched")));
        }
        Status::Open => return start(state, id.as_str()),
        Status::Landed { .. } | Status::Abandoned { .. } => {
            return Err(Refusal::domain(
                format!("convoy {id} is {}", convoy.status.name()),
                format!("add an issue to it to reopen it: convoy add {id} <issue>"),
            ));
        }
        Status::Staged(_) if convoy.content.tracked.is_empty() => {
            return Err(Refusal::domain(
                format!("convoy {id} tracks nothing"),
                format!("add an issue to it: convoy add {id} <issue>"),
            ));
        }
        Status::Staged(_) => {}
    }
    // Looked at again: rigs may have been parked since, and dependencies added.
    let staging = staging(state, ctx.policy, what, None)?;
    check(&staging.analysis, true, force)?;
    let item = Item::changed(&id).noted("launched");
    Ok(Decision::of(Event::ConvoyLaunched { convoy: id }, item))
}
