//! The prompt of an attempt: the issue, what earlier attempts came to, and how to signal.

mod findings;

use std::fmt::Write as _;

use convoy_core::id::SessionId;

use super::job::{Earlier, Supervise};

/// How many of the latest attempts are told of.
const LESSONS_MAX: usize = 3;

/// The whole prompt. Everything that came from people or agents stands as they wrote it: it is data to the
/// agent's model and never a command line.
///
/// `brief` is what the last attempt had come to, as its checkpoint says. `goes_on` is the conversation to which this is said, if it is not a new one. `output` gives the end of what an
/// earlier session printed.
pub(super) fn prompt(
    job: &Supervise,
    goes_on: Option<&Earlier>,
    brief: &str,
    output: impl Fn(&SessionId) -> String,
) -> String {
    let mut text = format!("# {}: {}\n\n", job.issue, job.title);
    if !job.body.trim().is_empty() {
        let _ = writeln!(text, "{}\n", job.body.trim_end());
    }
    if !job.acceptance.is_empty() {
        text.push_str("## It is done when\n\n");
        for line in &job.acceptance {
            let _ = writeln!(text, "- {line}");
        }
        text.push('\n');
    }
    for (heading, besides) in &job.besides {
        let _ = writeln!(text, "## {heading}\n\n{}\n", besides.trim_end());
    }
    if !job.lessons.is_empty() {
        text.push_str("## Earlier attempts\n\n");
        let skipped = job.lessons.len().saturating_sub(LESSONS_MAX);
        for (number, lesson) in job.lessons.iter().enumerate().skip(skipped) {
            let _ = writeln!(text, "{}. {}", number + 1, lesson.what);
            if let Some(branch) = &lesson.branch {
                let _ = writeln!(text, "   Its work is on branch `{branch}` of the repository.");
            }
            for shown in [lesson.detail.clone(), output(&lesson.session)] {
                if !shown.trim().is_empty() {
                    let _ = writeln!(text, "\n```\n{}\n```", shown.trim_end());
                }
            }
        }
        if !brief.is_empty() {
            text.push_str("\nWhat the last of them had come to, as it was recorded:\n");
            text.push_str(&brief.replace("\n## ", "\n### "));
        }
        if job.resumed {
            text.push_str("\nThe working directory already holds that work; go on from it.\n");
        }
        text.push('\n');
        merging(&mut text, job);
        // Of an attempt after it that failed for another reason the findings are as they were.
        let reviewed = job.lessons.iter().rev().find(|lesson| !lesson.findings.is_empty());
        text.push_str(&findings::section(reviewed.map_or(&[][..], |lesson| &lesson.findings)));
    }
    if let Some(earlier) = goes_on {
        moved(&mut text, earlier, job);
    }
    let _ = write!(
        text,
        "## How to work\n\n\
         - You are in a clone of the repository of your own, on branch `{}`. Work only here.\n\
         - Commit what you do on this branch. It is merged for you; do not push.\n\
         - When the issue is done, end. If nothing had to be changed, run `convoy done --no-change`.\n\
         - If you cannot go on without a person, run `convoy blocked \"why\"` and end.\n\
         - What the next attempt should know, say with `convoy note \"text\"`.\n\
         - What a person should know while you go on, say with `convoy escalate \"text\"`.\n\
         - Before something risky, `convoy checkpoint` keeps what you have done so far.\n",
        job.workdir.branch
    );
    text
}

/// What an agent has to know that remembers another folder than the one it is in.
fn moved(text: &mut String, earlier: &Earlier, job: &Supervise) {
    let _ = writeln!(
        text,
        "## You were interrupted\n\nThis is the same conversation. What you did is kept, and what was running has ended.\n\
         You are in another folder now: `{}`. Paths that you remember of {} are no longer yours; use those of this \
         folder.\n",
        job.workdir.path,
        earlier.workdir.as_deref().map_or("the one before".to_owned(), |path| format!("`{path}`")),
    );
}

/// What the agent has to do about the base branch, which moved while it worked.
fn merging(text: &mut String, job: &Supervise) {
    let Some(onto) = &job.workdir.onto else { return };
    // An attempt after it may have failed for another reason, and resolved nothing.
    let conflict = job.lessons.iter().rev().find(|lesson| !lesson.conflicts.is_empty());
    let files = conflict.map(|lesson| lesson.conflicts.as_slice()).unwrap_or_default();
    if files.is_empty() {
        let _ = writeln!(
            text,
            "The base branch has moved since; it is at commit `{onto}` now. What is tested and merged is your work \
             together with it: to see that, run `git merge {onto}`.\n"
        );
        return;
    }
    text.push_str("## Resolve the conflict first\n\nYour work conflicts with the base branch in:\n\n");
    for file in files {
        let _ = writeln!(text, "- {file}");
    }
    let _ = write!(
        text,
        "\nThe base branch is at commit `{onto}` now; what it did to these files since is listed above.\n\n\
         1. Run `git merge {onto}`. It stops at the conflict.\n\
         2. Edit the files so that they do what both sides meant; leave no conflict markers.\n\
         3. Run the tests, `git add` the files, and `git commit`.\n\n\
         Keep what the base branch did. Your branch is merged again when you end.\n\n"
    );
}
