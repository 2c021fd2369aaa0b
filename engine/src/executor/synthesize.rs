//! Making the report of a template convoy out of what its roles left.
//!
//! All of it is made of published files, of the facts of the roles and of the run's commit, so that doing it again makes
//! the same files. Each file is written beside its place, synced, and renamed; whoever dies in between does it again.
//! What an agent says of the findings (`synthesis.rank.json`) changes their order and no more; without it the report is
//! as complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use convoy_core::command::Observed;
use convoy_core::review::{FINDINGS_MAX, Finding, Raised};
use convoy_core::template::{self, Counts, FILES_MAX, OutputKind, ReportKind, ReportMade, Run, Verdict};

use super::role::{self, Lane, Synthesize};
use super::step::{RANKING, text_of};
use crate::findings::triage::{self, Judged, Triage};
use crate::findings::{self, Merged, Missing, Published, Ranking, Subject, Synthesis, ground_all, report};
use crate::git::{self, Oid, Repo};
use crate::world::World;
use crate::{clock, crash, explain};

/// The longest text of a finding in the log, in bytes: the report has all of it.
const LOGGED_BYTES_MAX: usize = 1024;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Git(#[from] git::Error),
    #[error("{path}")]
    Write { path: PathBuf, source: io::Error },
}

/// What was made.
#[derive(Default)]
struct Made {
    files: Vec<(String, String)>,
    counts: Counts,
    verdict: Option<Verdict>,
    missing: Vec<Missing>,
    blocking: Vec<Raised>,
    /// Judgements of issues, for whoever changes those.
    judged: Vec<template::Judged>,
}

pub(super) fn run(world: &World, job: &Synthesize) -> Observed {
    let (report, judged) = make(world, job).unwrap_or_else(|error| {
        let why = format!("the report could not be made: {}", explain(&error));
        (ReportMade { interim: job.interim, ..ReportMade::failed(job.round, clock::now(), why) }, Vec::new())
    });
    Observed::Synthesized { convoy: job.convoy.clone(), report: Box::new(report), judged }
}

fn make(world: &World, job: &Synthesize) -> Result<(ReportMade, Vec<template::Judged>), Error> {
    let folder = role::folder(world, &job.run, &job.convoy);
    let made = match job.run.report {
        ReportKind::Review => review(world, job, &folder)?,
        ReportKind::Triage => triage(job, &folder),
        ReportKind::None => Made { missing: failed(&job.lanes), ..Made::default() },
    };
    write(&folder, &made.files)?;
    let report = ReportMade {
        interim: job.interim,
        round: job.round,
        at: clock::now(),
        files: made.files.into_iter().map(|(name, _)| name).collect(),
        counts: made.counts,
        verdict: made.verdict,
        missing: made.missing.into_iter().map(|lane| lane.role).collect(),
        error: None,
        blocking: made.blocking,
        // What is done to issues is decided when it is known.
        applied: None,
    };
    Ok((report, made.judged))
}

/// Roles that left nothing and were to say something themselves.
fn failed(lanes: &[Lane]) -> Vec<Missing> {
    lanes.iter().filter(|lane| lane.output != OutputKind::Synthesis).filter_map(missing).collect()
}

fn missing(lane: &Lane) -> Option<Missing> {
    let why = match (&lane.failed, &lane.product) {
        (Some(why), _) if !why.trim().is_empty() => why.clone(),
        (Some(_), _) => "it failed".to_owned(),
        (None, None) => "it was closed without a report".to_owned(),
        (None, Some(_)) => return None,
    };
    Some(Missing { role: lane.role.clone(), why })
}

/// Whether a role gives findings.
fn finds(lane: &Lane) -> bool {
    match lane.output {
        OutputKind::Findings | OutputKind::Sarif => true,
        OutputKind::Markdown | OutputKind::Synthesis | OutputKind::Triage => false,
    }
}

/// What the roles found, grounded in the run's commit, and those of them of which nothing is there.
fn heard<'a>(
    world: &World,
    repository: &Path,
    run: &Run,
    lanes: impl IntoIterator<Item = &'a Lane>,
    folder: &Path,
) -> git::Result<(Vec<findings::Lane>, Vec<Missing>)> {
    let (mut heard, mut gone) = (Vec::new(), Vec::new());
    for lane in lanes.into_iter().filter(|lane| finds(lane) && missing(lane).is_none()) {
        let name = format!("{}.findings.json", lane.role);
        let text = text_of(folder, &name)
            .and_then(|text| text.ok_or_else(|| format!("{name} is not there any more")));
        match text.and_then(|text| Published::read(&lane.role, &text)) {
            Ok(found) => heard.push(findings::Lane { role: lane.role.clone(), found }),
            Err(why) => gone.push(Missing { role: lane.role.clone(), why }),
        }
    }
    let Some(commit) = run.commit.as_deref().map(Oid::new).transpose()? else { return Ok((heard, gone)) };
    world.git_permits.with(|| -> git::Result<()> {
        let repo = Repo::open_at(&world.git, repository)?;
        for lane in &mut heard {
            ground_all(&mut lane.found, &mut |path| repo.text_at(&commit, path))?;
        }
        Ok(())
    })?;
    Ok((heard, gone))
}

/// What the role that ranks is given: what those before it found, merged, with the ids by which it names them.
///
/// # Errors
/// When the repository cannot be read.
pub(super) fn for_prompt(
    world: &World,
    repository: &Path,
    run: &Run,
    inputs: &[Lane],
    folder: &Path,
) -> Result<Vec<serde_json::Value>, String> {
    let (lanes, _) = heard(world, repository, run, inputs, folder).map_err(|error| explain(&error))?;
    Ok(Synthesis::make(Subject::default(), lanes, Vec::new(), None).for_prompt())
}

fn review(world: &World, job: &Synthesize, folder: &Path) -> Result<Made, Error> {
    let run = &job.run;
    let (lanes, gone) = heard(world, &job.repository, run, &job.lanes, folder)?;
    let subject = Subject {
        template: run.template.to_string(),
        commit: run.commit.clone(),
        diff_base: run.diff_base.clone(),
        files: files(world, job)?,
    };
    let mut all_missing = failed(&job.lanes);
    all_missing.extend(gone);
    let mut made = Synthesis::make(subject, lanes.clone(), all_missing.clone(), None);
    match ranking(job, folder) {
        None => {}
        Some(Err(why)) => made.unranked = Some(why),
        Some(Ok((ranks, ranking))) => {
            // It was given what the roles before it found, which need not be all.
            let given = lanes.iter().filter(|lane| ranks.needs.contains(&lane.role)).cloned().collect();
            let given = Synthesis::make(Subject::default(), given, Vec::new(), None);
            made.rank(&ranking.moved(&given.findings, &made.findings));
        }
    }
    let blocking =
        made.findings.iter().filter(|fault| fault.blocks()).take(FINDINGS_MAX).filter_map(raised).collect();
    Ok(Made {
        files: report::review(&made),
        counts: made.counts,
        verdict: Some(made.verdict),
        missing: made.missing,
        blocking,
        judged: Vec::new(),
    })
}

/// The files that were looked at: those that the run names, else those of its change, else all.
fn files(world: &World, job: &Synthesize) -> git::Result<Vec<String>> {
    let run = &job.run;
    let Some(commit) = run.commit.as_deref().filter(|_| run.files.is_empty()) else {
        return Ok(run.files.clone());
    };
    let listed = world.git_permits.with(|| -> git::Result<Vec<Vec<u8>>> {
        let (repo, commit) = (Repo::open_at(&world.git, &job.repository)?, Oid::new(commit)?);
        match &run.diff_base {
            Some(base) => repo.changed_in(&Oid::new(base)?, &commit),
            None => repo.files_of(&commit),
        }
    })?;
    let names = listed.into_iter().map(|name| String::from_utf8_lossy(&name).into_owned());
    Ok(names.take(FILES_MAX).collect())
}

/// What the role that ranks said, if there is one, or why it said nothing.
fn ranking<'a>(job: &'a Synthesize, folder: &Path) -> Option<Result<(&'a Lane, Ranking), String>> {
    let lane = job.lanes.iter().find(|lane| lane.output == OutputKind::Synthesis)?;
    if let Some(missing) = missing(lane) {
        return Some(Err(format!("the role {} gave nothing: {}", lane.role, missing.why)));
    }
    let ranking = match text_of(folder, RANKING) {
        Ok(Some(text)) => findings::ranking::find(Some(&text), None, None),
        Ok(None) => Ok(None),
        Err(why) => Err(why),
    };
    let none = || format!("the role {} gave no order", lane.role);
    Some(ranking.and_then(|ranking| ranking.map(|ranking| (lane, ranking)).ok_or_else(none)))
}

/// A fault as the log keeps it.
fn raised(fault: &Merged) -> Option<Raised> {
    let cut = |text: &str| text[..text.floor_char_boundary(LOGGED_BYTES_MAX)].to_owned();
    let all = |texts: &[String]| cut(&texts.join("\n\n"));
    let finding = Finding {
        severity: fault.severity,
        category: cut(&fault.category),
        title: cut(&fault.title),
        file: fault.file.clone(),
        line: fault.line,
        end_line: fault.end_line,
        quote: cut(&fault.quote),
        problem: all(&fault.problems),
        impact: all(&fault.impacts),
        fix: all(&fault.fixes),
        confidence: fault.confidence,
    };
    Some(Raised { role: fault.roles.first()?.clone(), grounded: fault.grounded, finding })
}

fn triage(job: &Synthesize, folder: &Path) -> Made {
    let mut all_missing = failed(&job.lanes);
    let mut issues = Vec::new();
    for lane in job.lanes.iter().filter(|lane| lane.output == OutputKind::Triage && missing(lane).is_none()) {
        let name = format!("{}.triage.json", lane.role);
        let text = text_of(folder, &name)
            .and_then(|text| text.ok_or_else(|| format!("{name} is not there any more")));
        let judgement = text.and_then(|text| {
            triage::extract(&lane.role, Some(&text), None, None).map_err(|why| why.to_string())
        });
        match judgement {
            Ok(judgement) => {
                let about = job.issues.iter().find(|issue| Some(&issue.id) == lane.about.as_ref());
                issues.push(Judged {
                    role: lane.role.clone(),
                    issue: lane.about.clone(),
                    title: about.map(|issue| issue.title.clone()).unwrap_or_default(),
                    judgement,
                });
            }
            Err(why) => all_missing.push(Missing { role: lane.role.clone(), why }),
        }
    }
    let made = Triage::make(issues, all_missing);
    let judged = made.issues.iter().filter_map(judged).collect();
    Made { files: report::triage(&made), missing: made.missing, judged, ..Made::default() }
}

/// A judgement as the core takes it.
fn judged(one: &Judged) -> Option<template::Judged> {
    let judgement = &one.judgement;
    Some(template::Judged {
        role: one.role.clone(),
        issue: one.issue.clone()?,
        category: judgement.category.clone(),
        priority: i64::from(judgement.priority),
        complexity: judgement.complexity.name().to_owned(),
        labels: judgement.labels.clone(),
        duplicate_of: judgement.duplicate_of.clone(),
        rationale: judgement.rationale.clone(),
    })
}

/// Writes the files into their places, each whole or not at all.
fn write(folder: &Path, files: &[(String, String)]) -> Result<(), Error> {
    if files.is_empty() {
        return Ok(());
    }
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Write { path, source }
    };
    crash::point("report:before");
    fs::create_dir_all(folder).map_err(failed(folder))?;
    for (n, (name, text)) in files.iter().enumerate() {
        let (place, made) = (folder.join(name), folder.join(format!(".{name}.new")));
        put(&made, text.as_bytes()).map_err(failed(&made))?;
        fs::rename(&made, &place).map_err(failed(&place))?;
        if n == 0 {
            crash::point("report:half");
        }
    }
    File::open(folder).and_then(|dir| dir.sync_all()).map_err(failed(folder))?;
    crash::point("report:after");
    Ok(())
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        // A crash left it.
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}
