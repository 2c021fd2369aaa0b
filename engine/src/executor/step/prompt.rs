//! What is added to a role's prompt: where it is and what it may, what earlier attempts came to, and what has to be
//! mended.

use std::fmt::Write as _;

use convoy_core::id::SessionId;
use convoy_core::session::Workdir;
use convoy_core::template::{OutputKind, Runner, Step};
use convoy_core::worker::Lesson;

use crate::templates::PromptContext;

/// How many of the latest attempts are told of.
const LESSONS_MAX: usize = 2;

/// The whole prompt of an agent: its template's text, and the rules of the place.
pub(super) fn agent(
    rendered: &str,
    step: &Step,
    context: &PromptContext,
    workdir: &Workdir,
    tools_are_told: bool,
    lessons: &[Lesson],
    printed: impl Fn(&SessionId) -> String,
) -> String {
    let mut text = rendered.trim_end().to_owned();
    text.push_str("\n\n## Where you are, and what you may do\n\n");
    let _ = write!(
        text,
        "- You are in `{}`, a checkout of the repository at one commit. Nobody can write in it. Change nothing, and \
         commit nothing.\n\
         - The only folder that you can write in is `{}`. `TMPDIR` leads to another one for what you need meanwhile; it is \
         emptied when you end.\n\
         - Your report goes into `{}`. What is not in that folder when you end is lost. If you cannot write files, your last \
         message is taken as the report.\n\
         - Nobody answers questions. If something is missing, say so in your report, and end.\n",
        workdir.path, context.output_dir, context.output_file
    );
    if let Runner::Agent { tools: Some(tools), .. } = &step.runner
        && !tools_are_told
    {
        let _ = writeln!(text, "- Use no other tools than these: {}.", tools.join(", "));
    }
    match step.output {
        OutputKind::Findings if !rendered.contains("json findings") => {
            let _ = writeln!(
                text,
                "- Beside the report, write what you found to `{}`, as \
                 `{{\"findings\": [{{\"severity\": \"blocker|critical|high|medium|low|info\", \"category\": \"\", \"title\": \"\", \
                 \"file\": \"path from the top\", \"line\": 1, \"end_line\": 1, \"quote\": \"the lines, copied\", \"problem\": \"\", \
                 \"impact\": \"\", \"fix\": \"\", \"confidence\": \"high|medium|low\"}}]}}`; the list is empty if you found nothing. \
                 In the place of the file a fenced block with the info string `json findings` at the end of the report will do.",
                context.findings_file
            );
        }
        OutputKind::Findings
        | OutputKind::Markdown
        | OutputKind::Sarif
        | OutputKind::Synthesis
        | OutputKind::Triage => {}
    }
    earlier(&mut text, lessons, printed);
    text
}

fn earlier(text: &mut String, lessons: &[Lesson], printed: impl Fn(&SessionId) -> String) {
    let skipped = lessons.len().saturating_sub(LESSONS_MAX);
    if lessons.is_empty() {
        return;
    }
    text.push_str("\n## Earlier attempts\n\nThis was tried before, and its report could not be used:\n\n");
    for (number, lesson) in lessons.iter().enumerate().skip(skipped) {
        let _ = writeln!(text, "{}. {}", number + 1, lesson.what);
        for shown in [lesson.detail.clone(), printed(&lesson.session)] {
            if !shown.trim().is_empty() {
                let _ = writeln!(text, "\n{}\n", fenced(shown.trim_end()));
            }
        }
    }
    text.push_str("\nDo the whole of it again, and mend what was wrong.\n");
}

/// What an agent is told that goes on with the conversation in which it gave a report that cannot be used.
pub(super) fn mend(context: &PromptContext, workdir: &Workdir, lessons: &[Lesson], left: &str) -> String {
    let wrong = lessons.last().map_or("", |lesson| lesson.what.as_str());
    format!(
        "Your report cannot be used:\n\n{}\n\n\
         Do not begin anew: mend it. What you wrote before is in `{left}`, and you can only read it there. Write all of your \
         files once more, mended, into `{}`; the report is `{}`. That folder is empty now, and the only one that you can write \
         in. You are in `{}` now, with the same files as before.\n",
        fenced(wrong),
        context.output_dir,
        context.output_file,
        workdir.path
    )
}

/// In a fence that is longer than any in the text, so that nothing in it ends the fence.
fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{text}\n{fence}")
}
